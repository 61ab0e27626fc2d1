/**
 * Proves every host shape of `test/hosts`, also those that `npm test` has no time for, and prints a table of them with the verdicts.
 * Arguments go to vitest: a file, or `-t` with a part of a title. LAMPLIGHTER_TEST_PG_MAJOR chooses another major version.
 */
import { relative } from 'node:path';
import process from 'node:process';
import { runVitest, type VitestReport } from './run-vitest.ts';

/** Vitest's words for what became of a test; whatever is not here has failed. */
const VERDICTS: Readonly<Record<string, string>> = {
  passed: 'ok',
  pending: 'skipped',
  skipped: 'skipped',
  todo: 'skipped',
};

interface Row {
  readonly verdict: string;
  readonly seconds: string;
  readonly shape: string;
}

function rowsOf({ name, message, assertionResults }: VitestReport['testResults'][number]): Row[] {
  const subject = relative('test/hosts', name).replace(/[.]test[.]ts$/, '');
  // A file that cannot even be loaded has no test in it.
  if (assertionResults.length === 0) return [{ verdict: 'FAILED', seconds: '', shape: `${subject}: ${message}` }];
  return assertionResults.map(({ ancestorTitles, title, status, duration }) => ({
    verdict: VERDICTS[status] ?? 'FAILED',
    seconds: duration ? (duration / 1_000).toFixed(1) : '',
    shape: [subject, ...ancestorTitles, title].filter(Boolean).join(' > '),
  }));
}

const given = process.argv.slice(2);
const files = given.some((argument) => argument.startsWith('test/')) ? [] : ['test/hosts'];
const { isOk, seconds, report } = await runVitest([...files, ...given], { LAMPLIGHTER_TEST_HOSTS: 'all' });
const rows = report?.testResults.flatMap(rowsOf) ?? [];
console.log();
for (const row of rows) console.log(`${row.verdict.padEnd(8)} ${row.seconds.padStart(5)} s  ${row.shape}`);
const count = (verdict: string) => rows.filter((row) => row.verdict === verdict).length;
console.log(`\n${count('ok')} ok, ${count('FAILED')} failed, ${count('skipped')} skipped in ${seconds.toFixed(0)} s`);
if (!isOk || count('ok') === 0) process.exitCode = 1;
