/**
 * What RADV's compiler, ACO, says about a shader: its statistics (`RADV_DEBUG=shaderstats`) and the instructions
 * (`RADV_DEBUG=shaders`), in which loops are found again.
 */
export interface ShaderReport {
  /** Invocations of a wave: AMD's subgroup. */
  readonly waveSize: 32 | 64;
  /** Vector registers of an invocation. */
  readonly registers: number;
  /** Vector registers that went to memory. */
  readonly spilled: number;
  /** Of an invocation, in memory: spilled registers, and arrays that found no registers. */
  readonly scratchBytes: number;
  /** Workgroup memory. */
  readonly workgroupBytes: number;
  /**
   * Waves that a SIMD unit holds at a time, in waves of 32 invocations, of which it has room for 32 (GCN: of 64 invocations, 10). They
   * hide each other's latency.
   */
  readonly waves: number;
  readonly instructions: number;
  /** RADV's own estimates, in cycles: of a wave from start to end, and between two waves that end. Loops count as 8 turns. */
  readonly latency: number;
  readonly inverseThroughput: number;
  readonly whole: InstructionCounts;
  /** Where most instructions are done if every loop has 8 turns: one loop without those inside it, or what is outside of loops. */
  readonly hottest: InstructionCounts;
  /** That, and the loops around it, with all that is inside them. */
  readonly nest: InstructionCounts;
}

/** How many instructions of a kind there are. */
export interface InstructionCounts {
  /** In how many loops they are. */
  readonly depth: number;
  /** Vector arithmetic, multiply-adds included. */
  readonly vector: number;
  readonly multiplyAdds: number;
  /** Products of small matrices: tensor cores. */
  readonly matrix: number;
  /** Reads of memory by all invocations of a wave, and writes. */
  readonly loads: number;
  readonly stores: number;
  /** Waits for such reads. */
  readonly loadWaits: number;
  /** Reads and writes of workgroup memory. */
  readonly workgroup: number;
  /** Waits for those, or for uniform reads of memory. */
  readonly workgroupWaits: number;
}

/** Turns of a loop, for finding out where a program spends its time: as RADV assumes. */
const TURNS = 8;

/**
 * @param text what RADV printed for one compute shader
 * @throws when it is nothing of the kind
 */
export function parseShader(text: string): ShaderReport {
  const statistic = (name: string): number => {
    const found = new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`RADV's statistics lack '${name}'`);
    return Number(found);
  };
  const lines = disassembly(text).split('\n');
  return {
    waveSize: /\b(exec|vcc)_lo\b/.test(instructionsOf(text)) ? 32 : 64,
    registers: statistic('VGPRs'),
    spilled: statistic('Spilled VGPRs'),
    scratchBytes: statistic('Scratch size'),
    workgroupBytes: statistic('LDS size'),
    waves: statistic('Subgroups per SIMD'),
    instructions: statistic('Instructions'),
    latency: statistic('Latency'),
    inverseThroughput: statistic('Inverse Throughput'),
    whole: count(lines, 0),
    ...hottestLoop(lines),
  };
}

/** The instructions, with labels before blocks and their bytes behind. */
export function disassembly(text: string): string {
  const instructions = instructionsOf(text);
  return instructions.includes('falling back to print_program') ? asDisassembly(instructions) : instructions;
}

function instructionsOf(text: string): string {
  const start = text.indexOf('\ndisasm:\n');
  if (start < 0) throw new Error("RADV's words have no disassembly");
  const end = text.indexOf('*** SHADER STATS', start);
  return text.slice(start, end < 0 ? undefined : end);
}

/** Of GPUs that Mesa's LLVM does not know yet ACO prints its own form: results and an equals sign before an instruction. */
function asDisassembly(program: string): string {
  return program
    .replaceAll(/^(BB\d+)$/gm, '$1:')
    .replaceAll(/^\t (?:.* = )?/gm, '\t')
    .replaceAll('block:BB', 'BB');
}

interface Loop {
  readonly first: number;
  readonly last: number;
}

function hottestLoop(lines: readonly string[]): Pick<ShaderReport, 'hottest' | 'nest'> {
  const loops = findLoops(lines);
  const around = lines.map((_, line) => loops.filter((loop) => contains(loop, line)));
  const outside = count(
    lines.filter((_, line) => around[line]!.length === 0),
    0,
  );
  let best = { hottest: outside, nest: outside };
  for (const loop of loops) {
    const outer = around[loop.first]!;
    const depth = outer.length;
    const own = lines.filter((_, line) => contains(loop, line) && around[line]!.length === depth);
    const hottest = count(own, depth);
    if (heat(hottest) <= heat(best.hottest)) continue;
    const { first, last } = outer.find(
      (each) => !outer.some((other) => other !== each && contains(other, each.first)),
    )!;
    best = { hottest, nest: count(lines.slice(first, last + 1), 1) };
  }
  return best;
}

function contains({ first, last }: Loop, line: number): boolean {
  return first <= line && line <= last;
}

function heat({ vector, matrix, loads, stores, workgroup, depth }: InstructionCounts): number {
  return (vector + matrix + loads + stores + workgroup) * TURNS ** depth;
}

/** From a block to the last branch back to it. */
function findLoops(lines: readonly string[]): Loop[] {
  const blocks = new Map<string, number>();
  const loops = new Map<number, number>();
  for (const [index, line] of lines.entries()) {
    const block = /^(BB\d+):/.exec(line)?.[1];
    if (block !== undefined) blocks.set(block, index);
    const target = blocks.get(/^\s+s_c?branch\w* (BB\d+)/.exec(line)?.[1] ?? '');
    if (target !== undefined) loops.set(target, index);
  }
  return [...loops].map(([first, last]) => ({ first, last }));
}

/** By the names of AMD's instructions, from GCN 5 to RDNA 4; a pair of RDNA 3 (`v_dual_…`) is one. */
const KINDS = {
  vector: /^v_(?!wmma|swmmac|mfma)/,
  multiplyAdds: /^v_(dual_|pk_)?(fma|fmac|fmamk|fmaak|mac|dot2\w*|mad)(_mix\w*)?_f(16|32)/,
  matrix: /^v_(wmma|swmmac|mfma)/,
  loads: /^(buffer|global|flat|scratch)_load/,
  stores: /^(buffer|global|flat|scratch)_(store|atomic)/,
  loadWaits: /^(s_waitcnt .*\bvmcnt|s_wait_loadcnt)/,
  workgroup: /^ds_/,
  workgroupWaits: /^(s_waitcnt .*\blgkmcnt|s_wait_(ds|km)cnt|s_wait_loadcnt_dscnt)/,
};

function count(lines: readonly string[], depth: number): InstructionCounts {
  const instructions = lines.filter((line) => /^\s+[a-z]/.test(line)).map((line) => line.trim());
  const of = (kind: RegExp) => instructions.filter((instruction) => kind.test(instruction)).length;
  const counts = Object.entries(KINDS).map(([name, kind]) => [name, of(kind)]);
  return { depth, ...(Object.fromEntries(counts) as Record<keyof typeof KINDS, number>) };
}
