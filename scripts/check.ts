/** Runs all that CI runs, everything even after a failure, and closes with the number of tests that passed and failed. */
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type CommandResult, report, runCommand } from './run-command.ts';

const TEST_REPORT = fileURLToPath(new URL('../node_modules/.cache/lamplighter/test-report.json', import.meta.url));

/** A pattern, because dependency-cruiser refuses folders that do not exist. */
const SOURCES = '{src,test,scripts,bench,examples}/**/*.ts';

const STEPS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format and lint', 'biome', 'ci'],
  ['lint with types', 'eslint'],
  ['layers', 'depcruise', SOURCES],
  ['layer rules bite', 'tsx', 'scripts/prove-layers.ts'],
  ['types', 'tsc'],
  ['unused code', 'knip'],
  ['build', 'npm', 'run', '--silent', 'build'],
  ['package exports', 'npm', 'run', '--silent', 'check:package'],
  ['schema dump', 'npm', 'run', '--silent', 'db:dump', '--', '--check'],
  ['throughput bench runs', 'tsx', 'bench/throughput.ts', '--rounds', '1', '--requests', '4000'],
  ['latency bench runs', 'tsx', 'bench/latency.ts', '--requests', '30', '--rounds', '1'],
  ['tests', 'vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${TEST_REPORT}`],
];

const reportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  success: z.boolean(),
});

/** Vitest's own count; a file that cannot even be loaded has no failed test in it, and counts as one. */
async function countTests(): Promise<string> {
  const text = await readFile(TEST_REPORT, 'utf8').catch(() => undefined);
  if (text === undefined) return '0 passed, 1 failed';
  const { numPassedTests, numFailedTests, numPendingTests, success } = reportSchema.parse(JSON.parse(text));
  const failed = success ? numFailedTests : Math.max(numFailedTests, 1);
  return `${numPassedTests} passed, ${failed} failed${numPendingTests > 0 ? `, ${numPendingTests} skipped` : ''}`;
}

await rm(TEST_REPORT, { force: true });
const results = new Map<string, CommandResult>();
for (const [name, command, ...args] of STEPS) {
  console.log(`\n== ${name}: ${[command, ...args].join(' ')}`);
  results.set(name, await runCommand(command, args));
}
report(results);
console.log(await countTests());
