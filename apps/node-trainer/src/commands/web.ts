import { serveSite } from '@maehem/web-trainer';
import { Command, InvalidArgumentError } from 'commander';

interface Options {
  readonly port: number;
  readonly host: string;
}

/** `maehem web` */
export function webCommand(): Command {
  return new Command('web')
    .description('Serve the browser trainer: training in a page, on pictures that never leave it.')
    .option('--port <n>', 'port to listen on; 0 for any free one', portNumber, 0)
    .option('--host <name>', 'where to listen; other machines need https for WebGPU', 'localhost')
    .action(async (options: Options) => {
      const server = await serveSite(options);
      process.stdout.write(`${server.url}\n`);
      process.stderr.write('Ctrl-C ends it.\n');
      await new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
      });
      await server.close();
    });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError(`'${text}' is not a port from 0 to 65535.`);
  return port;
}
