import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { runCli } from './run-cli.ts';

/** Libraries that only a model needs. Each costs every command memory and time when it is loaded by accident. */
const LATE_LIBRARIES = [
  'undici',
  'p-limit',
  'ajv',
  'ajv-formats',
  're2js',
  '@eslint-community/regexpp',
  '@huggingface/jinja',
  '@huggingface/tokenizers',
  'node-llama-cpp',
  'onnxruntime-node',
];

test('a command that runs no model loads no library of models', async () => {
  const { stderr, code } = await runCli(['--version'], { env: { NODE_DEBUG: 'esm' } });
  expect(code).toBe(0);
  const loaded = new Set([...stderr.matchAll(/node_modules\/((?:@[\w-]+\/)?[\w-]+)\//g)].map(([, name]) => name));
  expect(loaded).toContain('zod');
  expect(LATE_LIBRARIES.filter((name) => loaded.has(name))).toEqual([]);
});

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

test.each(['lamplighter', 'lantern-cli', 'steadytext-worker'])(
  '%s runs from a checkout, built or not',
  async (name) => {
    const { stdout } = await run(join(ROOT, `bin/${name}.js`), ['--version']);
    expect(stdout).toMatch(/^\S+ \d+\.\d+\.\d+\n$/);
  },
);

test('without a build and without the tools to do without it a program says what to run', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
  try {
    cpSync(join(ROOT, 'bin'), join(folder, 'bin'), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    await expect(run(process.execPath, [join(folder, 'bin/lamplighter.js'), '--version'])).rejects.toMatchObject({
      code: 1,
      stderr: 'error: lamplighter is not built yet\nhint: In its checkout run: npm ci && npm run build\n',
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a worker that npx started stops when npx is gone, as npx passes no signal on', async () => {
  await using db = await createTestDatabase();
  const command = [process.execPath, join(ROOT, 'bin/lamplighter.js'), 'worker', '--uri', db.uri];
  const npx = spawn('sh', ['-c', '"$0" "$@" >/dev/null 2>&1 & wait', ...command], {
    env: { ...process.env, npm_command: 'exec' },
    stdio: 'ignore',
  });
  const statuses = async () => (await db.pool.query('select status from steadytext_worker_status()')).rows;
  await eventually(async () => expect(await statuses()).toEqual([{ status: 'running' }]), { timeoutMs: 15_000 });
  npx.kill('SIGKILL');
  await eventually(async () => expect(await statuses()).toEqual([{ status: 'stopped' }]), { timeoutMs: 10_000 });
});
