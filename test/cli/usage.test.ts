import { expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { VERSION } from '../../src/core/version.ts';
import { runCli } from './run-cli.ts';

test('help lists every command and exits with 0', async () => {
  const { code, stdout, stderr } = await runCli(['--help']);
  for (const { name, summary } of COMMANDS)
    expect(stdout).toMatch(new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('help of a command shows its flags and examples', async () => {
  const { code, stdout } = await runCli(['migrate', '--help']);
  expect(stdout).toContain('--grant-worker <role>');
  expect(stdout).toContain('lamplighter migrate --grant app --grant-worker lamp');
  expect(code).toBe(0);
});

test('help fits into 80 columns, but for its examples', async () => {
  for (const args of [['--help'], ['worker', '--help']]) {
    const { stdout } = await runCli(args);
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([]);
  }
  expect((await runCli(['worker', '--help'])).stdout.replaceAll(/\s+/g, ' ')).toContain(
    'debug adds stacks of errors (default: info)',
  );
});

test('without a command help goes to standard error, and that is bad usage', async () => {
  const { code, stdout, stderr } = await runCli([]);
  expect(stderr).toContain('Usage: lamplighter');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

test('a misspelt command is refused with the likely one', async () => {
  const { code, stderr } = await runCli(['migrat']);
  expect(stderr).toBe(
    `error: unknown command 'migrat' (did you mean migrate?)\nhint: "lamplighter --help" shows what there is.\n`,
  );
  expect(code).toBe(2);
});

test.each([
  [['tsk', 'list'], `unknown command 'tsk' (did you mean task?)\nhint: "lamplighter --help"`],
  [['lst'], `unknown command 'lst'\nhint: "lamplighter --help"`],
  [['requests', 'lsit'], `unknown command 'lsit' (did you mean list?)\nhint: "lamplighter requests --help"`],
])('what %s may mean is looked for where the word stands', async (args, message) => {
  const { code, stderr } = await runCli(args);
  expect(stderr).toContain(`error: ${message}`);
  expect(code).toBe(2);
});

test('a misspelt flag is refused with the likely one', async () => {
  const { code, stderr } = await runCli(['worker', '--concurency', '3']);
  expect(stderr).toContain("error: unknown option '--concurency' (did you mean --concurrency?)");
  expect(code).toBe(2);
});

test.each([
  [['worker', '--concurrency', 'ten'], {}, '--concurrency: expected a whole number from 1 to 1000, got "ten"'],
  [['up', '--port', '70000'], {}, '--port: expected a port from 0 to 65535, got "70000"'],
  [['up', '--port', '1', '--uri', 'postgresql://x'], {}, '--port and --uri exclude each other'],
  [['worker'], { LAMPLIGHTER_OFFLINE: 'maybe' }, 'LAMPLIGHTER_OFFLINE: expected true or false, got "maybe"'],
  [['status', '--log-level', 'loud'], {}, '--log-level: expected one of debug, info'],
])('%j with %j is bad usage', async (args, env, message) => {
  const { code, stdout, stderr } = await runCli(args, { env });
  expect(stderr).toContain(`error: ${message}`);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

test('a flag of another version of Lantern is refused by name, with what to write instead', async () => {
  const { code, stderr } = await runCli(['start-daemon', '--master-db', 'postgresql://x@y/z', '--table', 'jobs'], {
    entry: 'src/cli/lantern-cli.ts',
  });
  expect(stderr).toContain('error: "start-daemon" has no --master-db');
  expect(stderr).toContain('hint: Give the database of the jobs table with --uri.');
  expect(code).toBe(2);
});

test('steadytext-worker is the worker under another name', async () => {
  const entry = 'src/cli/steadytext-worker.ts';
  expect((await runCli(['--version'], { entry })).stdout).toBe(`steadytext-worker ${VERSION}\n`);
  const { stdout } = await runCli(['--help'], { entry });
  expect(stdout).toContain('Usage: steadytext-worker [flags]');
  expect(stdout).toContain('steadytext-worker --concurrency 8 --retention 7d');
});

test('a variable that nothing reads is named, with the one that was meant', async () => {
  const env = { LAMPLIGHTER_CONCURENCY: '3' };
  const { stderr } = await runCli(['doctor', '--uri', 'postgresql://127.0.0.1:1/x'], { env });
  expect(stderr).toContain('warning: LAMPLIGHTER_CONCURENCY is no variable of Lamplighter');
  expect(stderr).toContain('(did you mean "LAMPLIGHTER_CONCURRENCY"?)');
});
