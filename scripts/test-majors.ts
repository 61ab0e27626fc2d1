/** Runs the integration tests on PostgreSQL 14 to 18, or the majors named first; further arguments go to vitest. */
import process from 'node:process';
import { type CommandResult, report, runCommand } from './run-command.ts';

const given = process.argv.slice(2);
const named = given.filter((argument) => /^\d+$/.test(argument));
const others = given.filter((argument) => !named.includes(argument));

const results = new Map<string, CommandResult>();
for (const major of named.length > 0 ? named : ['14', '15', '16', '17', '18']) {
  console.log(`\n== PostgreSQL ${major}`);
  results.set(
    `PostgreSQL ${major}`,
    await runCommand('vitest', ['run', '--project', 'integration', ...others], {
      LAMPLIGHTER_TEST_PG_MAJOR: major,
      TEST_DATABASE_URL: '',
    }),
  );
}
report(results);
