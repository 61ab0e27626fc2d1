import { afterAll, beforeAll, expect, test } from 'vitest';
import { VERSION } from '../../src/core/version.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { runCli, startCli } from './run-cli.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const TEST_WORKER = { entry: 'test/cli/test-worker-process.ts' };
const TEST_MODELS = ['--embed-model', 'test/one', '--rerank-model', 'test/one'];

async function enqueue(text: string): Promise<string> {
  const { rows } = await db.pool.query<{ id: string }>('select steadytext_embed_async($1, use_cache => false) as id', [
    text,
  ]);
  return rows[0]?.id ?? '';
}
async function statusOf(id: string): Promise<string | undefined> {
  const { rows } = await db.pool.query<{ status: string }>('select status from steadytext_check_async($1)', [id]);
  return rows[0]?.status;
}

test('a worker says what it serves and why not the rest, logs JSON to a pipe, and answers', async () => {
  await db.pool.query("select lamplighter.set('worker_poll_interval', '2s')");
  await using worker = startCli(['worker', '--uri', db.uri, '--rerank-model', 'nope/none', '--lenient'], {
    env: { STEADYTEXT_WORKER_CONCURRENCY: '3' },
  });
  const line = await worker.waitForLine(/serving embed with builtin\/lexical/);
  expect(JSON.parse(line)).toMatchObject({ level: 'info' });
  await worker.waitForLine(/not serving generate, .*: no model is configured/);
  expect(JSON.parse(await worker.waitForLine(/not serving rerank: Model \\"nope\/none\\" not found/))).toMatchObject({
    level: 'warn',
  });
  const id = await enqueue('light');
  await eventually(async () => expect(await statusOf(id)).toBe('completed'));
  const { rows } = await db.pool.query("select concurrency from steadytext_worker_status() where status = 'running'");
  expect(rows).toEqual([{ concurrency: 3 }]);
  worker.kill('SIGINT');
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  expect(worker.stdout()).toBe('');

  const lines = worker
    .stderr()
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));
  const { workerId, processId, ...start } = lines.find(({ msg }) => msg.includes('the worker runs for'));
  expect(start).toMatchObject({
    version: VERSION,
    connection: { database: db.name, role: expect.any(String), host: expect.any(String), server: expect.any(String) },
  });
  const isNamed = (each: { workerId?: string }) => each.workerId === workerId;
  expect(lines.slice(lines.findIndex(isNamed)).filter((each) => !isNamed(each))).toEqual([]);
  expect(lines.every((each) => each.processId === processId)).toBe(true);
  const { rows: leases } = await db.pool.query('select worker_id from lamplighter.worker where process_id = $1', [
    processId,
  ]);
  expect(leases).toEqual([{ worker_id: workerId }]);
  const { options, msg } = lines.find((each) => each.msg.startsWith('options: '));
  expect(options).toContainEqual({ name: 'concurrency', value: '3', origin: 'STEADYTEXT_WORKER_CONCURRENCY' });
  expect(options).toContainEqual({ name: 'poll-interval', value: '2s', origin: 'lamplighter.set' });
  expect(msg).toMatch(/^options: concurrency 3 \(STEADYTEXT_WORKER_CONCURRENCY\), .*; by default max-retries 3, /);
  expect(lines.at(-1)).toMatchObject({
    msg: expect.stringMatching(/^stopped after [\d.]+ s: 1 request, 0 tasks$/),
    work: [
      { name: 'requests', processed: 1, failed: 0 },
      { name: 'tasks', processed: 0, failed: 0 },
    ],
  });
});

test.each([
  ['./nowhere.gguf', /error: The model that --generate-model names cannot be used: .*nowhere\.gguf/],
  ['nope/none', /error: The model that --generate-model names cannot be used: Model "nope\/none" not found\./],
])('a worker refuses to start without a model that was named, such as %s', async (model, message) => {
  const { code, stderr } = await runCli(['worker', '--uri', db.uri, '--generate-model', model], {
    env: { LAMPLIGHTER_LOG_LEVEL: 'error' },
  });
  expect(stderr).toMatch(message);
  expect(stderr).not.toContain('does not serve');
  expect(stderr).toMatch(/hint: .*With --lenient the worker starts without it\./s);
  expect(code).toBe(1);
});

test('the first SIGTERM lets it finish what it does', async () => {
  await using worker = startCli(['worker', '--uri', db.uri, ...TEST_MODELS], TEST_WORKER);
  await worker.waitForLine(/serving/);
  const id = await enqueue('!sleep:700 finish me');
  await eventually(async () => expect(await statusOf(id)).toBe('processing'));
  worker.kill('SIGTERM');
  expect((await worker.exited).code).toBe(0);
  expect(await statusOf(id)).toBe('completed');
});

test('the second signal hands back at once what still runs', async () => {
  await using worker = startCli(['worker', '--uri', db.uri, ...TEST_MODELS], TEST_WORKER);
  await worker.waitForLine(/serving/);
  const id = await enqueue('!hang');
  await eventually(async () => expect(await statusOf(id)).toBe('processing'));
  worker.kill('SIGINT');
  await worker.waitForLine(/stopping/);
  // A person does not press it faster; what comes sooner is taken for the echo of the first.
  await new Promise((resolve) => setTimeout(resolve, 300));
  worker.kill('SIGINT');
  expect((await worker.exited).code).toBe(130);
  const { rows } = await db.pool.query('select status, retry_count from steadytext_queue where request_id = $1', [id]);
  expect(rows).toEqual([{ status: 'pending', retry_count: 0 }]);
  await db.pool.query('delete from steadytext_queue where request_id = $1', [id]);
});

test('a worker that would serve nothing refuses to start', async () => {
  const { code, stderr } = await runCli([
    'worker',
    '--uri',
    db.uri,
    '--functions',
    'generate',
    '--task-concurrency',
    '0',
  ]);
  expect(stderr).toContain('error: This worker would serve nothing: generate: no model is configured');
  expect(code).toBe(2);
});

test('the dashboard says for whom it runs, and that it has stopped', async () => {
  await using dashboard = startCli(['dashboard', '--uri', db.uri, '--listen', '127.0.0.1:0', '--read-only']);
  await dashboard.waitForLine(/options: read-only true \(--read-only\); by default auth-basic-file everybody/);
  dashboard.kill('SIGTERM');
  expect(await dashboard.exited).toEqual({ code: 0, signal: null });
  const lines = dashboard
    .stderr()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines[0]).toMatchObject({ level: 'info', version: VERSION, connection: { database: db.name } });
  expect(lines.at(-1).msg).toMatch(/^stopped after [\d.]+ s$/);
  expect(new Set(lines.map(({ processId }) => processId)).size).toBe(1);
});
