import type { Page } from 'playwright-core';

/** How well hidden pixels are guessed: mean squared error, of pixels in [0, 1]. */
export interface Learned {
  readonly guess: number;
  /** Of what a model that knows nothing of a picture does best: every pixel's mean over the pictures. */
  readonly mean: number;
}

/** What the page's run makes of held-out pictures. @param count of them */
export function learned(page: Page, count: number): Promise<Learned> {
  return page.evaluate(async (count) => {
    interface Guess {
      readonly original: { readonly width: number; readonly data: Uint8ClampedArray };
      readonly guess: { readonly data: Uint8ClampedArray };
      readonly hidden: Uint8Array;
    }
    const { maehem } = globalThis as unknown as {
      maehem: { trainer(): { guess(picture: object, hiding: object): Promise<Guess> } };
    };
    const guesses: Guess[] = [];
    for (let at = 0; at < count; at++)
      guesses.push(await maehem.trainer().guess({ heldOut: 37 * at }, { ratio: 0.75, draw: at }));
    const { width, data } = guesses[0]!.original;
    const pixels = data.length / 4;
    const brightness = (of: Uint8ClampedArray, pixel: number): number => of[4 * pixel]! / 255;
    const means = Array.from(
      { length: pixels },
      (_, pixel) => guesses.reduce((sum, { original }) => sum + brightness(original.data, pixel), 0) / count,
    );
    let [guessed, fromMeans, hiddenPixels] = [0, 0, 0];
    for (const { original, guess, hidden } of guesses) {
      const patch = Math.sqrt(pixels / hidden.length);
      for (let pixel = 0; pixel < pixels; pixel++) {
        const [row, column] = [Math.floor(pixel / width / patch), Math.floor((pixel % width) / patch)];
        if (hidden[row * (width / patch) + column] !== 1) continue;
        const truth = brightness(original.data, pixel);
        guessed += (truth - brightness(guess.data, pixel)) ** 2;
        fromMeans += (truth - means[pixel]!) ** 2;
        hiddenPixels++;
      }
    }
    return { guess: guessed / hiddenPixels, mean: fromMeans / hiddenPixels };
  }, count);
}
