import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
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
  expect(stderr).toContain('src/cli/lamplighter.js');
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

/** A checkout without a build whose tools are those of this one, and npx in it, which has seen neither before. */
function openCheckout() {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-test-'));
  const checkout = join(folder, 'checkout');
  mkdirSync(checkout);
  for (const part of ['bin', 'src', 'sql', 'package.json', '.npmrc']) {
    cpSync(join(ROOT, part), join(checkout, part), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
  const env = { ...process.env, npm_config_cache: join(folder, 'cache'), npm_config_offline: 'true' };
  return {
    checkout,
    npx: async (...args: string[]) => run('npx', args, { cwd: checkout, env }),
    spawnNpx: (...args: string[]) => spawn('npx', args, { cwd: checkout, env, stdio: 'ignore' }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

test('npx runs the program in a fresh checkout, and runs what was built later, whatever the mode of its files', async () => {
  using fresh = openCheckout();
  const unbuilt = await fresh.npx('lamplighter', '--version');
  expect(unbuilt).toEqual({ stdout: expect.stringMatching(/^lamplighter \d/), stderr: '' });
  mkdirSync(join(fresh.checkout, 'dist/cli'), { recursive: true });
  const built = join(fresh.checkout, 'dist/cli/lamplighter.js');
  writeFileSync(built, 'console.log("built");', { mode: 0o644 });
  expect(await fresh.npx('lamplighter', '--version')).toEqual({ stdout: 'built\n', stderr: '' });
}, 60_000);

const workerStatuses = async (db: TestDatabase) =>
  (await db.pool.query<{ status: string }>('select status from steadytext_worker_status()')).rows;

test('a worker stops when npx, which started it, gets SIGTERM', async () => {
  await using db = await createTestDatabase();
  using fresh = openCheckout();
  const npx = fresh.spawnNpx('lamplighter', 'worker', '--uri', db.uri);
  await eventually(async () => expect(await workerStatuses(db)).toEqual([{ status: 'running' }]), {
    timeoutMs: 30_000,
  });
  npx.kill('SIGTERM');
  await eventually(async () => expect(await workerStatuses(db)).toEqual([{ status: 'stopped' }]), {
    timeoutMs: 15_000,
  });
});

test.each([
  ['npx', ['sh', '-c', '"$0" "$@" >/dev/null 2>&1 & wait']],
  ['npx, whose shell goes on', ['sh', '-c', 'sh -c \'"$0" "$@"; :\' "$0" "$@" & wait']],
] as const)('a worker that npx started stops when npx is killed: %s', async (_which, [shell, ...script]) => {
  await using db = await createTestDatabase();
  const command = [process.execPath, join(ROOT, 'bin/lamplighter.js'), 'worker', '--uri', db.uri];
  const npx = spawn(shell, [...script, ...command], {
    env: { ...process.env, npm_command: 'exec' },
    stdio: 'ignore',
  });
  await eventually(async () => expect(await workerStatuses(db)).toEqual([{ status: 'running' }]), {
    timeoutMs: 15_000,
  });
  npx.kill('SIGKILL');
  await eventually(async () => expect(await workerStatuses(db)).toEqual([{ status: 'stopped' }]), {
    timeoutMs: 10_000,
  });
});
