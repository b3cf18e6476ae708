/** Milliseconds of one run of a choice, from a fresh sample. */
export type Measure<Choice> = (choice: Choice) => Promise<number>;

/** A choice that is clearly faster than the usual one. */
export interface Winner<Choice> {
  readonly choice: Choice;
  /** Medians of samples that were taken by turns. */
  readonly ms: number;
  readonly usualMs: number;
}

/** After a first sample, whoever takes so many times as long as the fastest is out. */
const HOPELESS = 1.5;
/** In the heats: who is not at least as fast as the usual choice, but for noise, will not win. */
const SLOWER = 1.1;
const FINALISTS = 3;
const FINAL_ROUNDS = 7;
/** To win, a choice takes less than this part of the usual one's time, by the median and by the best sample. */
const CLEARLY = 0.97;

/**
 * Who is clearly faster than the usual choice, the fastest first? By successive halving: one sample of all, then more
 * of those that are still in question, and a final in which every round takes one sample of each. What else the machine
 * does at the time then slows all of them, and noise does not choose.
 * @param stopped asked before every sample: once it says yes there is no answer
 */
export async function contest<Choice>(
  usual: Choice,
  others: readonly Choice[],
  measure: Measure<Choice>,
  stopped: () => boolean,
): Promise<Winner<Choice>[] | undefined> {
  const best = new Map<Choice, number>();
  const sample = async (choice: Choice): Promise<number> => {
    if (stopped()) throw new Stopped();
    const ms = await measure(choice);
    best.set(choice, Math.min(ms, best.get(choice) ?? Number.POSITIVE_INFINITY));
    return ms;
  };
  const bestOf = (choice: Choice): number => best.get(choice)!;
  try {
    for (const choice of [usual, ...others]) await sample(choice);
    const hopeless = HOPELESS * Math.min(...best.values());
    let left = fastest(
      others.filter((choice) => bestOf(choice) <= hopeless),
      bestOf,
    );
    while (left.length > FINALISTS) {
      for (const choice of [usual, ...left]) await sample(choice);
      left = fastest(left, bestOf).slice(0, Math.max(FINALISTS, left.length >> 1));
    }
    left = left.filter((choice) => bestOf(choice) <= SLOWER * bestOf(usual));
    return left.length === 0 ? [] : await final(usual, left, sample);
  } catch (error) {
    if (error instanceof Stopped) return undefined;
    throw error;
  }
}

/** Ends a contest from within a sample. */
class Stopped extends Error {}

async function final<Choice>(
  usual: Choice,
  finalists: readonly Choice[],
  sample: Measure<Choice>,
): Promise<Winner<Choice>[]> {
  const times = new Map<Choice, number[]>([usual, ...finalists].map((choice) => [choice, []]));
  for (let round = 0; round < FINAL_ROUNDS; round++) {
    const turns = [...times];
    // A machine that slows down would punish whoever is always last.
    if (round % 2 === 1) turns.reverse();
    for (const [choice, samples] of turns) samples.push(await sample(choice));
  }
  const usualTimes = times.get(usual)!;
  const usualMs = median(usualTimes);
  return finalists
    .filter((choice) => {
      const own = times.get(choice)!;
      const ratios = own.map((ms, round) => ms / usualTimes[round]!);
      return median(ratios) < CLEARLY && Math.min(...own) < CLEARLY * Math.min(...usualTimes);
    })
    .map((choice) => ({ choice, ms: median(times.get(choice)!), usualMs }))
    .sort((a, b) => a.ms - b.ms);
}

function fastest<Choice>(choices: readonly Choice[], ms: (choice: Choice) => number): Choice[] {
  return [...choices].sort((a, b) => ms(a) - ms(b));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
