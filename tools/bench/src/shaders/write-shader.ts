import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { shortLabel } from '../table.js';
import type { CompiledPipeline } from './compiler-process.js';
import { disassembly } from './shader-report.js';

/** Write each kernel as it is told, as GPU-NAME.wgsl, and as instructions in GPU-NAME.asm. @param folder made where it is not there */
export function writeShader(folder: string): (gpu: string, pipeline: CompiledPipeline) => void {
  mkdirSync(folder, { recursive: true });
  return (gpu, { name, wgsl, words }) => {
    const file = join(
      folder,
      `${gpu}-${shortLabel(name)
        .replaceAll(/[^\w.-]+/g, '-')
        .slice(0, 150)}`,
    );
    writeFileSync(`${file}.wgsl`, wgsl);
    writeFileSync(`${file}.asm`, disassembly(words));
  };
}
