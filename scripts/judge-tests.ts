import type { VitestResult } from './run-vitest.ts';
import { placeOf, type TestFailure, type TestOutcome } from './test-outcome.ts';

type Run = Pick<VitestResult, 'isOk' | 'outcome'>;

interface Judgement {
  /** Failed in both runs, or could not be tried again. */
  readonly failed: readonly TestFailure[];
  /** Failed in one run and passed in the other. */
  readonly unsteady: readonly TestFailure[];
}

/**
 * What two runs come to, the second of the files in which something failed. An error that belongs to no file counts as failed, and so does a
 * run that failed without saying what. Without a second run everything that failed has failed.
 */
export function judgeTests(first: Run, second?: Run): Judgement {
  const runs = second === undefined ? [first] : [first, second];
  const failed: TestFailure[] = runs
    .filter(({ isOk, outcome }) => !isOk && !outcome?.failures.length)
    .map(() => ({ error: 'vitest failed without naming a test' }));
  const unsteady: TestFailure[] = [];
  const [before, after] = [first, second].map((run) => run?.outcome?.failures ?? []);
  for (const failure of before ?? []) {
    const isExcused = second?.outcome !== undefined && hasPassed(failure, second.outcome);
    (isExcused ? unsteady : failed).push(failure);
  }
  for (const failure of after ?? []) {
    if (before?.some((other) => placeOf(other) === placeOf(failure))) continue;
    (failure.file === undefined ? failed : unsteady).push(failure);
  }
  return { failed, unsteady };
}

/** Whether the place of a failure was run again, and nothing failed there. */
function hasPassed(failure: TestFailure, { files, tests, failures }: TestOutcome): boolean {
  const { file, title } = failure;
  if (file === undefined || failures.some((other) => placeOf(other) === placeOf(failure))) return false;
  // The title of a group of tests, whose hook failed, is that of no test.
  const test = tests.find((other) => other.file === file && other.title === title);
  return files.some((other) => other.file === file) && test?.status !== 'skipped';
}
