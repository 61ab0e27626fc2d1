/**
 * Proves every host shape of `test/hosts`, also those that `npm test` has no time for, and prints a table of them with the verdicts.
 * Arguments go to vitest: a file, or `-t` with a part of a title. LAMPLIGHTER_TEST_PG_MAJOR chooses another major version.
 */
import process from 'node:process';
import { runVitest } from './run-vitest.ts';
import { placeOf } from './test-outcome.ts';

interface Row {
  readonly verdict: string;
  readonly seconds: string;
  readonly shape: string;
}

const given = process.argv.slice(2);
const files = given.some((argument) => argument.startsWith('test/')) ? [] : ['test/hosts'];
const { isOk, seconds, outcome } = await runVitest([...files, ...given], { LAMPLIGHTER_TEST_HOSTS: 'all' });
const { tests = [], failures = [] } = outcome ?? {};
const rows: Row[] = tests
  .filter(({ status }) => status !== 'failed')
  .map((test) => ({
    verdict: test.status === 'passed' ? 'ok' : 'skipped',
    seconds: test.status === 'passed' ? test.seconds.toFixed(1) : '',
    shape: placeOf({ ...test, error: '' }),
  }));
rows.push(
  ...failures.map((failure) => ({ verdict: 'FAILED', seconds: '', shape: `${placeOf(failure)}: ${failure.error}` })),
);
rows.sort((one, other) => one.shape.localeCompare(other.shape));
console.log();
for (const row of rows) {
  const shape = row.shape.replace(/^test\/hosts\/(.*?)[.]test[.]ts/, '$1');
  console.log(`${row.verdict.padEnd(8)} ${row.seconds.padStart(5)} s  ${shape}`);
}
const count = (verdict: string) => rows.filter((row) => row.verdict === verdict).length;
console.log(`\n${count('ok')} ok, ${count('FAILED')} failed, ${count('skipped')} skipped in ${seconds.toFixed(0)} s`);
if (!isOk || count('ok') === 0) process.exitCode = 1;
