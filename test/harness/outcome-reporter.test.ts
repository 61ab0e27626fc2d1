import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { OUTCOME_PATH } from '../../scripts/outcome-reporter.ts';
import { outcomeSchema, placeOf, type TestOutcome } from '../../scripts/test-outcome.ts';
import { spawnProcess } from '../support/process.ts';

const FOLDER = 'test/harness/outcomes';
let outcome: TestOutcome;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'lt-outcome-'));
  try {
    const path = join(folder, 'outcome.json');
    const args = ['run', `--config=${FOLDER}/vitest.config.ts`, '--reporter=./scripts/outcome-reporter.ts'];
    const { exited } = spawnProcess('node_modules/vitest/vitest.mjs', args, {
      env: { [OUTCOME_PATH]: path, VITEST: undefined },
    });
    await exited;
    outcome = outcomeSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } finally {
    await rm(folder, { recursive: true });
  }
}, 60_000);

test('each test is named once, by its titles, with what became of it', () => {
  expect(outcome.tests.map(({ title, status }) => `${status}: ${title}`).sort()).toEqual([
    'failed: a group > inside > throws',
    'failed: is unhappy',
    'passed: passes',
    'passed: passes, and leaves something behind',
    'skipped: is skipped',
  ]);
});

test('every failure is named with its place and the first line of its error, in hooks and outside of tests too', () => {
  const mixed = `${FOLDER}/mixed.fixture.ts`;
  expect(outcome.failures.map((failure) => `${placeOf(failure)}: ${failure.error}`).sort()).toEqual([
    'outside of any test: nobody waits for this',
    `${mixed} > a group > inside > throws: one line`,
    `${mixed} > a group: the hook of the group`,
    `${mixed} > is unhappy: first line: expected [ 1, 2 ] to deeply equal [ 3 ]`,
    `${mixed}: the hook of the file`,
    `${FOLDER}/unloadable.fixture.ts: no such luck`,
  ]);
});
