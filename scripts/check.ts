/**
 * Runs all that CI runs, everything even after a failure. It closes with the tests that failed, those that failed once and passed when they
 * were run again, and the number of tests that passed and failed: the last lines suffice to know what to mend.
 */
import { judgeTests } from './judge-tests.ts';
import { type CommandResult, report, runCommand } from './run-command.ts';
import { runVitest } from './run-vitest.ts';
import { countOf, placeOf, type TestFailure } from './test-outcome.ts';

/** A pattern, because dependency-cruiser refuses folders that do not exist. */
const SOURCES = '{src,web/src,test,scripts,bench,examples}/**/*.{ts,tsx}';

/** With failures in more files something is broken, and running them again would say nothing new. */
const MAX_FILES_RUN_AGAIN = 12;

/** What is kept of a long output may be as little as its last 1,500 characters. */
const MAX_LINES = 8;
const MAX_LINE_LENGTH = 240;

const STEPS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['format and lint', 'biome', 'ci'],
  ['lint with types', 'eslint'],
  ['layers', 'depcruise', SOURCES],
  ['layer rules bite', 'tsx', 'scripts/prove-layers.ts'],
  ['types', 'tsc'],
  ['types of the page', 'tsc', '-p', 'web'],
  ['unused code', 'knip'],
  ['build', 'npm', 'run', '--silent', 'build'],
  ['package exports', 'npm', 'run', '--silent', 'check:package'],
  ['schema dump', 'npm', 'run', '--silent', 'db:dump', '--', '--check'],
  ['throughput bench runs', 'tsx', 'bench/throughput.ts', '--rounds', '1', '--requests', '4000'],
  ['latency bench runs', 'tsx', 'bench/latency.ts', '--requests', '30', '--rounds', '1'],
];

function printFailures(verdict: string, failures: readonly TestFailure[]): void {
  for (const failure of failures.slice(0, MAX_LINES)) {
    const line = `${verdict}: ${placeOf(failure)}: ${failure.error}`;
    console.log(line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}..` : line);
  }
  if (failures.length > MAX_LINES) console.log(`${verdict}: ${failures.length - MAX_LINES} more`);
}

const results = new Map<string, CommandResult>();
for (const [name, command, ...args] of STEPS) {
  console.log(`\n== ${name}: ${[command, ...args].join(' ')}`);
  results.set(name, await runCommand(command, args));
}

console.log('\n== tests: vitest run');
const first = await runVitest([]);
const files = [...new Set(first.outcome?.failures.map(({ file }) => file).filter((file) => file !== undefined))];
const isTriedAgain = files.length > 0 && files.length <= MAX_FILES_RUN_AGAIN;
if (isTriedAgain) console.log(`\n== failed tests once more, one file after the other: ${files.join(' ')}`);
const second = isTriedAgain ? await runVitest(['--no-file-parallelism', ...files]) : undefined;
const { failed, unsteady } = judgeTests(first, second);
results.set('tests', { isOk: failed.length === 0, seconds: first.seconds + (second?.seconds ?? 0) });

report(results);
printFailures('failed', failed);
printFailures('unsteady', unsteady);
const excused = unsteady.length > 0 ? `, ${unsteady.length} unsteady` : '';
const skipped = first.outcome ? countOf(first.outcome, 'skipped') : 0;
console.log(
  `${first.outcome ? countOf(first.outcome, 'passed') : 0} passed, ${failed.length} failed${excused}${skipped > 0 ? `, ${skipped} skipped` : ''}`,
);
