/**
 * Proves every host shape of `test/hosts`, also those that `npm test` has no time for, and prints a table of them with the verdicts.
 * Arguments go to vitest: a file, or `-t` with a part of a title. LAMPLIGHTER_TEST_PG_MAJOR chooses another major version.
 */
import { readFile, rm } from 'node:fs/promises';
import { relative } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { runCommand } from './run-command.ts';

const REPORT = fileURLToPath(new URL('../node_modules/.cache/lamplighter/hosts-report.json', import.meta.url));

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.object({
          ancestorTitles: z.array(z.string()),
          title: z.string(),
          status: z.string(),
          duration: z.number().nullish(),
        }),
      ),
    }),
  ),
});
type FileResult = z.infer<typeof reportSchema>['testResults'][number];

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

function rowsOf({ name, message, assertionResults }: FileResult): Row[] {
  const subject = relative('test/hosts', name).replace(/[.]test[.]ts$/, '');
  if (assertionResults.length === 0) return [{ verdict: 'FAILED', seconds: '', shape: `${subject}: ${message}` }];
  return assertionResults.map(({ ancestorTitles, title, status, duration }) => ({
    verdict: VERDICTS[status] ?? 'FAILED',
    seconds: duration ? (duration / 1_000).toFixed(1) : '',
    shape: [subject, ...ancestorTitles, title].filter(Boolean).join(' > '),
  }));
}

const given = process.argv.slice(2);
const files = given.some((argument) => argument.startsWith('test/')) ? [] : ['test/hosts'];
const output = ['--reporter=default', '--reporter=json', `--outputFile.json=${REPORT}`];
await rm(REPORT, { force: true });
const { isOk, seconds } = await runCommand(
  'vitest',
  ['run', '--project', 'integration', ...files, ...given, ...output],
  {
    LAMPLIGHTER_TEST_HOSTS: 'all',
  },
);
const text = await readFile(REPORT, 'utf8').catch(() => undefined);
const rows = text === undefined ? [] : reportSchema.parse(JSON.parse(text)).testResults.flatMap(rowsOf);
console.log();
for (const { verdict, seconds: took, shape } of rows)
  console.log(`${verdict.padEnd(8)} ${took.padStart(5)} s  ${shape}`);
const count = (verdict: string) => rows.filter((row) => row.verdict === verdict).length;
console.log(`\n${count('ok')} ok, ${count('FAILED')} failed, ${count('skipped')} skipped in ${seconds.toFixed(0)} s`);
if (!isOk || count('ok') === 0) process.exitCode = 1;
