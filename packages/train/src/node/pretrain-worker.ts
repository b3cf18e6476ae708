// The entry of a training thread in Node.
import { parentPort } from 'node:worker_threads';
import { serveThread } from '../threads/serve-thread.js';

if (parentPort === null) throw new Error('pretrain-worker.js is started by createParallelPretrainer');
const port = parentPort;
port.on(
  'message',
  serveThread((reply) => port.postMessage(reply)),
);
