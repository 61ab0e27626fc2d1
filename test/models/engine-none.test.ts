import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startCli } from '../cli/run-cli.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { embed, untilStatus } from '../support/requests.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

it('a worker that serves builtin/lexical alone starts no engine', async () => {
  await using worker = startCli(['worker', '--uri', db.uri, '--functions', 'embed']);
  await untilStatus(db.pool, await embed(db.pool, ['lamp']), 'completed', { timeoutMs: 30_000 });
  expect(enginesOf(worker.pid)).toEqual([]);
}, 60_000);

it('the version is told without a look at what starts engines', async () => {
  await using child = startCli(['--version'], { env: { NODE_DEBUG: 'esm' } });
  expect(await child.exited).toEqual({ code: 0, signal: null });
  expect(child.stderr()).not.toMatch(/engine-process|serve-(onnx|llama)/);
}, 60_000);

/** Commands of the children that run a model. */
function enginesOf(parent: number): string[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      return '';
    }
  };
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && read(pid, 'status').includes(`PPid:\t${parent}\n`))
    .map((pid) => read(pid, 'cmdline'))
    .filter((command) => /serve-(onnx|llama)/.test(command));
}
