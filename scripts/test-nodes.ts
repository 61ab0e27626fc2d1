/** Runs all tests on Node 22, 24 and 26, or the majors named first, from npm's `node` package; further arguments go to vitest. */
import process from 'node:process';
import { type CommandResult, report, runCommand } from './run-command.ts';

const given = process.argv.slice(2);
const named = given.filter((argument) => /^\d+$/.test(argument));
const others = given.filter((argument) => !named.includes(argument));

const results = new Map<string, CommandResult>();
for (const major of named.length > 0 ? named : ['22', '24', '26']) {
  console.log(`\n== Node ${major}`);
  const node = ['--yes', `node@${major}`];
  await runCommand('npx', [...node, '--version']);
  results.set(`Node ${major}`, await runCommand('npx', [...node, 'node_modules/vitest/vitest.mjs', 'run', ...others]));
}
report(results);
