import { relative } from 'node:path';

/**
 * Vitest reporter: after the run, one `SKIPPED file > test: reason` line for each test that did not run, and as the
 * very last line `N passed, N failed, N skipped`. A file that fails to load and an error outside any test count as
 * failed, so that the line never looks better than the run.
 */
export default class SummaryReporter {
  /**
   * @param {ReadonlyArray<import('vitest/node').TestModule>} modules
   * @param {ReadonlyArray<unknown>} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    /** @type {string[]} */
    const skips = [];
    for (const module of modules) {
      const file = relative(process.cwd(), module.moduleId);
      counts.failed += [module, ...module.children.allSuites()].filter(
        (suite) => suite.errors().length > 0,
      ).length;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') counts.passed++;
        else if (result.state === 'failed') counts.failed++;
        else counts.skipped++;
        if (result.state === 'skipped' || result.state === 'pending')
          skips.push(`SKIPPED ${file} > ${test.fullName}: ${reason(test, result)}`);
      }
    }
    for (const line of skips) console.log(line);
    console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  }
}

/**
 * @param {import('vitest/node').TestCase} test
 * @param {import('vitest/node').TestResult} result
 */
function reason(test, result) {
  if ('note' in result && result.note) return result.note;
  if (result.state === 'pending') return 'the run ended before it';
  for (let suite = test.parent; suite.type === 'suite'; suite = suite.parent)
    if (suite.errors().length > 0) return `its suite "${suite.name}" failed`;
  return test.options.mode === 'todo' ? 'to do' : 'no reason given';
}
