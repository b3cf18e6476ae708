/** Milliseconds of one run of a choice, from a fresh sample. */
export type Measure<Choice> = (choice: Choice) => Promise<number>;

/** A choice that is clearly faster than the usual one. */
export interface Winner<Choice> {
  readonly choice: Choice;
  /** The median of the usual choice's samples, and what the median of the ratios makes of it. */
  readonly usualMs: number;
  readonly ms: number;
}

/** After a first sample, whoever takes so many times as long as the fastest is out. */
const HOPELESS = 1.5;
/** In the heats: who is not at least as fast as the usual choice, but for noise, will not win. */
const SLOWER = 1.1;
const FINALISTS = 3;
/** By chance, one of two that are as fast as each other wins 8 rounds of 9 once in 50 finals. */
const FINAL_ROUNDS = 9;
const ROUNDS_TO_WIN = 8;
/** To win, a choice also takes less than this part of the usual one's time, by the median of the rounds. */
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
    .map((choice) => ({ choice, ratios: times.get(choice)!.map((ms, round) => ms / usualTimes[round]!) }))
    .filter(
      ({ ratios }) => median(ratios) < CLEARLY && ratios.filter((ratio) => ratio < 1).length >= ROUNDS_TO_WIN,
    )
    .map(({ choice, ratios }) => ({ choice, usualMs, ms: usualMs * median(ratios) }))
    .sort((a, b) => a.ms - b.ms);
}

function fastest<Choice>(choices: readonly Choice[], ms: (choice: Choice) => number): Choice[] {
  return [...choices].sort((a, b) => ms(a) - ms(b));
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
