import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compiledEntry } from '../support/compiled-program.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed } from '../support/requests.ts';
import { startCli } from './run-cli.ts';

let db: TestDatabase;
let folder: string;
beforeAll(async () => {
  db = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'lt-watch-'));
  await embed(db.pool, ['a', 'b', 'c']);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await db?.[Symbol.asyncDispose]();
});

const hasScript = spawnSync('script', ['--version']).status === 0;
const HOME = '\x1b[H';
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';

/** `lamplighter status --watch` on a terminal of its own, of 24 lines of 80 characters, which `resize` makes smaller. */
function watchOnTerminal() {
  const entry = fileURLToPath(new URL(`../../${compiledEntry('src/cli/lamplighter.ts')}`, import.meta.url));
  const command = [process.execPath, entry, 'status', '--watch', '--uri', db.uri];
  const quoted = command.map((part) => `'${part.replaceAll("'", `'\\''`)}'`).join(' ');
  const file = join(mkdtempSync(join(folder, 'terminal-')), 'resize');
  const resizing = `(until [ -e '${file}' ]; do sleep 0.1; done; stty rows 8 cols 60) < /dev/tty &`;
  const child = spawn('script', ['-qefc', `stty rows 24 cols 80; ${resizing} exec ${quoted}`, '/dev/null'], {
    env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', HOME: process.env['HOME'] ?? '/' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    shown += part;
  });
  const closed = once(child, 'close');
  return {
    shown: () => shown,
    lastFrame: () => shown.slice(shown.lastIndexOf(HOME) + HOME.length),
    type: (keys: string) => child.stdin.write(keys),
    resize: () => writeFileSync(file, ''),
    /** What the program leaves behind, with the code it ended with. */
    async ended(): Promise<{ readonly code: number | null; readonly shown: string }> {
      const [code] = await closed;
      return { code, shown };
    },
  };
}

const frameShows = (terminal: ReturnType<typeof watchOnTerminal>, pattern: RegExp) =>
  eventually(async () => expect(terminal.lastFrame()).toMatch(pattern), { timeoutMs: 40_000 });

// biome-ignore lint/suspicious/noControlCharactersInRegex: what the terminal is told
const withoutCodes = (text: string) => text.replaceAll(/\u001b\[[0-9;?]*[a-zA-Z]/g, '');

describe.skipIf(!hasScript)('status --watch on a terminal', { timeout: 120_000 }, () => {
  test('shows the figures in the window, follows them, and leaves with q as if nothing had been there', async () => {
    const terminal = watchOnTerminal();
    await frameShows(terminal, /embed +default +3/);
    expect(terminal.shown().startsWith(ENTER)).toBe(true);
    const lines = withoutCodes(terminal.lastFrame()).split(/\r*\n/);
    expect(lines.length).toBeLessThanOrEqual(24);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(80);
    await embed(db.pool, ['d']);
    await frameShows(terminal, /embed +default +4/);
    terminal.type('q');
    const { code, shown } = await terminal.ended();
    expect(code).toBe(0);
    expect(shown.endsWith(LEAVE)).toBe(true);
    // The screen is never emptied before it is drawn anew.
    expect(shown).not.toContain('\x1b[2J');
  });

  test('is drawn anew for another size of the window, and says what does not fit', async () => {
    const terminal = watchOnTerminal();
    await frameShows(terminal, /Workers/);
    terminal.resize();
    await frameShows(terminal, /lines that do not fit: \d+/);
    const lines = withoutCodes(terminal.lastFrame()).split(/\r*\n/);
    expect(lines).toHaveLength(8);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(60);
    terminal.type('q');
    expect((await terminal.ended()).code).toBe(0);
  });

  test('brings the screen back on Ctrl-C', async () => {
    const terminal = watchOnTerminal();
    await frameShows(terminal, /embed/);
    terminal.type('\x03');
    const { code, shown } = await terminal.ended();
    expect(code).toBe(130);
    expect(shown.endsWith(LEAVE)).toBe(true);
  });

  test('keeps the last figures while the database is away, and goes on when it is back', async () => {
    const terminal = watchOnTerminal();
    await frameShows(terminal, /embed/);
    await allowConnections(false);
    try {
      await frameShows(terminal, /ago\)[\s\S]*no connection, trying again: [\s\S]*embed/);
    } finally {
      await allowConnections(true);
    }
    await eventually(async () => expect(terminal.lastFrame()).not.toContain('no connection'), { timeoutMs: 40_000 });
    terminal.type('q');
    expect((await terminal.ended()).code).toBe(0);
  });

  test('brings the screen back on an error, and tells it below', async () => {
    const terminal = watchOnTerminal();
    await frameShows(terminal, /embed/);
    await db.pool.query('alter function lamplighter.measure_figures(text) rename to renamed_figures');
    try {
      const { code, shown } = await terminal.ended();
      expect(code).toBe(1);
      expect(shown).toMatch(/\?1049l[\s\S]*The schema of Lamplighter is not installed/);
    } finally {
      await db.pool.query('alter function lamplighter.renamed_figures(text) rename to measure_figures');
    }
  });
});

test('status --watch --json gives an object a line, and goes on after an outage', async () => {
  const child = startCli(['status', '--watch', '--json', '--uri', db.uri]);
  const samples = () => child.stdout().split('\n').filter(Boolean);
  await eventually(async () => expect(samples().length).toBeGreaterThan(1), { timeoutMs: 40_000 });
  for (const sample of samples()) expect(JSON.parse(sample)).toMatchObject({ requests: [{ functionName: 'embed' }] });
  await allowConnections(false);
  try {
    await eventually(async () => expect(child.stderr()).toContain('trying again'), { timeoutMs: 40_000 });
  } finally {
    await allowConnections(true);
  }
  const before = samples().length;
  await eventually(async () => expect(samples().length).toBeGreaterThan(before), { timeoutMs: 40_000 });
  child.kill('SIGINT');
  expect((await child.exited).code).toBe(130);
});

/** No command gets in, nor stays in, while they are not; the pool of the test does. */
async function allowConnections(areAllowed: boolean): Promise<void> {
  await db.pool.query('update pg_database set datallowconn = $1 where datname = current_database()', [areAllowed]);
  if (areAllowed) return;
  await db.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and application_name = 'lamplighter' and pid <> pg_backend_pid()`,
  );
}
