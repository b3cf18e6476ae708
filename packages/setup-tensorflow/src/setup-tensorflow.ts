#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { setupTensorFlow } from './setup.js';

const HELP = `setup-tensorflow [--from wheel|python|FILE.whl|FILE.tar.gz|FOLDER] [--gpu] [--force]

Makes a @tensorflow/tfjs-node that works with a current TensorFlow, in MAEhem's cache.

  --from SOURCE   where TensorFlow comes from: wheel (the default: pip downloads it), python (the tensorflow
                  that python3 imports), or the path of a wheel, of libtensorflow's tarball, or of a folder
  --gpu           with CUDA
  --force         make it even when it is there
  --help          this
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      gpu: { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const { installation, made } = await setupTensorFlow({
    ...(values.from === undefined ? {} : { from: values.from }),
    variant: values.gpu ? 'cuda' : 'cpu',
    force: values.force,
    report: (line) => process.stderr.write(`${line}\n`),
  });
  const { packageDir, libraryVersion, variant } = installation;
  process.stdout.write(
    `TensorFlow ${libraryVersion} (${variant}) is ${made ? 'ready' : 'there'}: ${packageDir}\n`,
  );
}

main().catch((error: unknown) => {
  process.stderr.write(`setup-tensorflow: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
