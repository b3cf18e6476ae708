import { setupTensorFlow } from '@maehem/setup-tensorflow';
import { Command } from 'commander';

interface Options {
  readonly from: string;
  readonly gpu: boolean;
  readonly force: boolean;
}

/** `maehem setup tensorflow` */
export function setupCommand(): Command {
  return new Command('setup')
    .description('Make ready what npm alone cannot install.')
    .addCommand(setupTensorFlowCommand());
}

function setupTensorFlowCommand(): Command {
  return new Command('tensorflow')
    .description(
      'A tfjs-node that works with a current TensorFlow, compiled here, kept outside node_modules.',
    )
    .option(
      '--from <source>',
      'wheel (pip downloads it), python (the tensorflow that python3 imports), or the path of a .whl, of libtensorflow’s .tar.gz, or of a folder',
      'wheel',
    )
    .option('--gpu', 'with CUDA', false)
    .option('--force', 'make it even when it is there', false)
    .action(async ({ from, gpu, force }: Options) => {
      const report = (line: string): void => void process.stderr.write(`${line}\n`);
      const variant = gpu ? 'cuda' : 'cpu';
      const { installation, made } = await setupTensorFlow({ from, variant, force, report });
      const { packageDir, libraryVersion } = installation;
      process.stdout.write(
        `TensorFlow ${libraryVersion} (${variant}) is ${made ? 'ready' : 'there and works'}: ${packageDir}\n`,
      );
    });
}
