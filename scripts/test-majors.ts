/**
 * Runs the integration tests on PostgreSQL 14 to 18, or the majors named first, all of them even after a failure, and closes with the
 * number of tests that passed and failed on each. Further arguments go to vitest: files, or `-t` with a part of a title.
 */
import process from 'node:process';
import { postgresMajorFolder } from '../test/support/postgres-major.ts';
import { runVitest } from './run-vitest.ts';
import { placeOf } from './test-outcome.ts';

const given = process.argv.slice(2);
const named = given.filter((argument) => /^\d+$/.test(argument));
const others = given.filter((argument) => !named.includes(argument));

const lines: string[] = [];
for (const major of named.length > 0 ? named : ['14', '15', '16', '17', '18']) {
  console.log(`\n== PostgreSQL ${major}`);
  // Fetched here, so that a registry out of reach is not taken for a failure of the tests.
  await postgresMajorFolder(major);
  const { isOk, seconds, outcome } = await runVitest(['--project', '!unit', ...others], {
    LAMPLIGHTER_TEST_PG_MAJOR: major,
    TEST_DATABASE_URL: '',
  });
  const { tests = [], failures = [] } = outcome ?? {};
  const count = (wanted: string) => tests.filter(({ status }) => status === wanted).length;
  const isGood = isOk && count('passed') > 0;
  lines.push(
    `${isGood ? 'ok    ' : 'FAILED'} PostgreSQL ${major}: ${count('passed')} passed, ${failures.length} failed, ${count('skipped')} skipped (${seconds.toFixed(0)} s)`,
    ...failures.map((failure) => `         ${placeOf(failure)}: ${failure.error}`),
  );
  if (!isGood) process.exitCode = 1;
}
console.log(`\n${lines.join('\n')}`);
