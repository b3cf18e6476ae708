#!/usr/bin/env node
import { createProgram } from './program.js';

createProgram()
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`maehem: ${error instanceof Error ? error.message : String(error)}\n`);
    if (process.env['MAEHEM_DEBUG'] !== undefined && error instanceof Error)
      process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  });
