import { capture, type Program, type TensorTree, tidy } from '@maehem/backend';

/** A step that is captured at its first call and replayed at all later ones, or run op by op if so wanted. */
export interface CapturedStep<In extends TensorTree, Out extends TensorTree> {
  run(input: In): Promise<Out>;
  dispose(): void;
}

/** Turns a step function into a captured one. */
export function capturedStep<In extends TensorTree, Out extends TensorTree>(
  step: (input: In) => Out,
  enabled: boolean,
): CapturedStep<In, Out> {
  let program: Program<In, Out> | undefined;
  return {
    run: async (input) => {
      if (!enabled) return tidy(() => step(input));
      if (program !== undefined) return program.run(input);
      const first = await capture(step, input);
      program = first.program;
      return first.outputs;
    },
    dispose: () => program?.dispose(),
  };
}
