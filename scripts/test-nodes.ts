/** Runs all tests on Node 22, 24 and 26, or the majors named first, from npm's `node` package; further arguments go to vitest. */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { type CommandResult, report, runCommand } from './run-command.ts';

const given = process.argv.slice(2);
const named = given.filter((argument) => /^\d+$/.test(argument));
const others = given.filter((argument) => !named.includes(argument));

const results = new Map<string, CommandResult>();
for (const major of named.length > 0 ? named : ['22', '24', '26']) {
  // Its script fetches the program; where npm runs none, as here by default, `npx` finds the Node that runs this.
  const node = ['--yes', '--ignore-scripts=false', `node@${major}`];
  const { stdout: version } = await promisify(execFile)('npx', [...node, '--version']);
  console.log(`\n== Node ${version.trim()}`);
  if (!version.startsWith(`v${major}.`)) throw new Error(`npx gave Node ${version.trim()} in place of ${major}`);
  results.set(`Node ${major}`, await runCommand('npx', [...node, 'node_modules/vitest/vitest.mjs', 'run', ...others]));
}
report(results);
