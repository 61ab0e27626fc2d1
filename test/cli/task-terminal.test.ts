import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compiledEntry } from '../support/compiled-program.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
let tested: TestWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  tested = await startTestWorker({ uri: db.uri });
});
afterAll(async () => {
  await tested?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
});

const hasScript = spawnSync('script', ['--version']).status === 0;
const CTRL_C = '\x03';
const DOWN = '\x1b[B';
const ENTER = '\r';

/** `lamplighter task run --wait` on a terminal of its own. */
function runOnTerminal(text: string) {
  const entry = fileURLToPath(new URL(`../../${compiledEntry('src/cli/lamplighter.ts')}`, import.meta.url));
  const command = [process.execPath, entry, 'task', 'run', '--wait', text, '--uri', db.uri];
  const quoted = command.map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ');
  const child = spawn('script', ['-qefc', `stty rows 24 cols 80; exec ${quoted}`, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', HOME: process.env['HOME'] ?? '/' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    shown += part;
  });
  const closed = once(child, 'close');
  return {
    shows: (pattern: RegExp) => eventually(async () => expect(shown).toMatch(pattern), { timeoutMs: 40_000 }),
    type: (keys: string) => child.stdin.write(keys),
    async ended(): Promise<{ readonly code: number | null; readonly shown: string }> {
      const [code] = await closed;
      return { code, shown };
    },
  };
}

const states = async () =>
  (await db.pool.query('select state from lantern.task_status order by jobid desc limit 1')).rows[0]?.state;

describe.skipIf(!hasScript)('Ctrl-C while a task is waited for on a terminal', { timeout: 120_000 }, () => {
  test('asks, and cancels the task if told so', async () => {
    const terminal = runOnTerminal('select pg_sleep(60)');
    await terminal.shows(/running/);
    terminal.type(CTRL_C);
    await terminal.shows(/is not done\.[\s\S]*Leave it running[\s\S]*Cancel it/);
    terminal.type(DOWN);
    await terminal.shows(/Leave it running[\s\S]*Leave it running/);
    terminal.type(ENTER);
    expect(await terminal.ended()).toMatchObject({ code: 130, shown: expect.stringContaining('was canceled') });
    expect(await states()).toBe('canceled');
  });

  test('asks, and leaves the task running if told so', async () => {
    const terminal = runOnTerminal('select pg_sleep(60)');
    await terminal.shows(/running/);
    terminal.type(CTRL_C);
    await terminal.shows(/Cancel it/);
    terminal.type(ENTER);
    expect(await terminal.ended()).toMatchObject({ code: 130, shown: expect.stringMatching(/Task \d+ goes on/) });
    expect(await states()).toBe('running');
    await db.pool.query('select lantern.cancel_all_async_tasks()');
  });

  test('shows how the task ended that was done before the answer', async () => {
    const locker = await db.pool.connect();
    await locker.query(`select pg_advisory_lock(13)`);
    const terminal = runOnTerminal('select pg_advisory_lock(13)');
    await terminal.shows(/running/);
    terminal.type(CTRL_C);
    await terminal.shows(/Cancel it/);
    await locker.query('select pg_advisory_unlock(13)');
    locker.release();
    await eventually(async () => expect(await states()).toBe('succeeded'));
    terminal.type(ENTER);
    expect(await terminal.ended()).toMatchObject({
      code: 0,
      shown: expect.stringMatching(/Succeeded.* in .*: SELECT 1/),
    });
  });
});
