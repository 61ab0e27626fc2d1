/**
 * Runs the tests that draw by lot for long: `npm run test:storm -- --minutes 5 --seed 7`, with the names of folders to run only those. Each
 * folder gets that much time or a long number of cases, as it counts. The same seed brings the same faults, cases and interleavings.
 */
import process from 'node:process';
import { parseArgs } from 'node:util';
import { type CommandResult, report, runCommand } from './run-command.ts';

const FOLDERS = ['storm', 'properties', 'fuzz'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
  },
});
const seconds = Math.round(Number(values.minutes) * 60);
const unknown = positionals.filter((name) => !FOLDERS.includes(name));
if (!(seconds > 0) || !/^\d+$/.test(values.seed) || unknown.length > 0) {
  console.error(`usage: npm run test:storm -- [--minutes 5] [--seed 7] [${FOLDERS.join('] [')}]`);
  process.exit(2);
}

console.log(`seed ${values.seed}`);
const results = new Map<string, CommandResult>();
for (const folder of positionals.length > 0 ? positionals : FOLDERS) {
  console.log(`\n== test/${folder}`);
  results.set(
    `test/${folder}`,
    await runCommand('vitest', ['run', `test/${folder}/`], {
      LAMPLIGHTER_STORM_SECONDS: String(seconds),
      LAMPLIGHTER_STORM_SEED: values.seed,
    }),
  );
}
report(results);
