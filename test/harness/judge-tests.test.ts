import { expect, test } from 'vitest';
import { judgeTests } from '../../scripts/judge-tests.ts';
import { placeOf, type TestFailure, type TestOutcome } from '../../scripts/test-outcome.ts';

const at = (file?: string, title?: string): TestFailure => ({
  ...(file === undefined ? {} : { file }),
  ...(title === undefined ? {} : { title }),
  error: 'not as expected',
});

/** Two files with two tests each, of which these failed. */
function run(failures: TestFailure[], skipped: string[] = []) {
  const files = ['a.test.ts', 'b.test.ts'];
  const outcome: TestOutcome = {
    failures,
    files: files.map((file) => ({ file, project: 'unit', seconds: 1 })),
    tests: files.flatMap((file) =>
      ['one', 'two'].map((title) => {
        const hasFailed = failures.some((failure) => failure.file === file && failure.title === title);
        const status = hasFailed ? 'failed' : skipped.includes(title) ? 'skipped' : 'passed';
        return { file, title, status, seconds: 1 };
      }),
    ),
  };
  return { isOk: failures.length === 0, outcome };
}

function verdict(...[first, second]: Parameters<typeof judgeTests>) {
  const { failed, unsteady } = judgeTests(first, second);
  return { failed: failed.map(placeOf), unsteady: unsteady.map(placeOf) };
}

test('nothing that passed the first time is judged', () => {
  expect(verdict(run([]))).toEqual({ failed: [], unsteady: [] });
});

test('what fails twice has failed, and what passes once is unsteady', () => {
  const first = run([at('a.test.ts', 'one'), at('a.test.ts', 'two'), at('b.test.ts')]);
  expect(verdict(first, run([at('a.test.ts', 'two')]))).toEqual({
    failed: ['a.test.ts > two'],
    unsteady: ['a.test.ts > one', 'b.test.ts'],
  });
});

test('what fails only when it is run again is unsteady too', () => {
  expect(verdict(run([at('a.test.ts', 'one')]), run([at('a.test.ts', 'two')]))).toEqual({
    failed: [],
    unsteady: ['a.test.ts > one', 'a.test.ts > two'],
  });
});

test.each([
  ['it was not run again', undefined],
  ['the second run ended without an outcome', { isOk: false, outcome: undefined }],
  ['it was skipped in the second run', run([], ['one'])],
])('a test that failed has failed when %s', (_, second) => {
  expect(verdict(run([at('a.test.ts', 'one')]), second).failed).toContain('a.test.ts > one');
});

test('an error that belongs to no file has failed, in either run', () => {
  const first = run([at('a.test.ts', 'one'), at()]);
  expect(verdict(first, run([])).failed).toEqual(['outside of any test']);
  expect(verdict(run([at('a.test.ts', 'one')]), run([at()])).failed).toEqual(['outside of any test']);
});

test('a run that fails without naming a test has failed', () => {
  expect(verdict({ isOk: false, outcome: undefined }).failed).toEqual(['outside of any test']);
  expect(verdict({ ...run([]), isOk: false }).failed).toEqual(['outside of any test']);
  expect(verdict(run([at('a.test.ts', 'one')]), { ...run([]), isOk: false }).failed).toEqual(['outside of any test']);
});
