import type { StepReport } from './step.js';
/** A report for people. Ratios are against the first row: above 1, that row is faster. */
export declare function reportTable({ backend, config, batch, machine, rows }: StepReport): string;
//# sourceMappingURL=table.d.ts.map