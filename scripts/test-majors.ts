/**
 * Runs the integration tests on PostgreSQL 14 to 18, or the majors named first, all of them even after a failure, and closes with the
 * number of tests that passed and failed on each. Further arguments go to vitest: files, or `-t` with a part of a title.
 */
import process from 'node:process';
import { postgresMajorFolder } from '../test/support/postgres-major.ts';
import { runVitest } from './run-vitest.ts';

const given = process.argv.slice(2);
const named = given.filter((argument) => /^\d+$/.test(argument));
const others = given.filter((argument) => !named.includes(argument));

const lines: string[] = [];
for (const major of named.length > 0 ? named : ['14', '15', '16', '17', '18']) {
  console.log(`\n== PostgreSQL ${major}`);
  // Fetched here, so that a registry out of reach is not taken for a failure of the tests.
  await postgresMajorFolder(major);
  const { isOk, seconds, report } = await runVitest(others, {
    LAMPLIGHTER_TEST_PG_MAJOR: major,
    TEST_DATABASE_URL: '',
  });
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, testResults = [] } = report ?? {};
  const isGood = isOk && numPassedTests > 0;
  const failed = testResults.flatMap(({ name, assertionResults }) => {
    const titles = assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ title }) => `${name} > ${title}`);
    return assertionResults.length === 0 ? [`${name} could not be loaded`] : titles;
  });
  lines.push(
    `${isGood ? 'ok    ' : 'FAILED'} PostgreSQL ${major}: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped (${seconds.toFixed(0)} s)`,
    ...failed.map((text) => `         ${text}`),
  );
  if (!isGood) process.exitCode = 1;
}
console.log(`\n${lines.join('\n')}`);
