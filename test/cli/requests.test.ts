import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/test-worker.ts';
import { runCli, startCli } from './run-cli.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() => db.pool.query('delete from steadytext_queue; delete from lamplighter.audit'));

const requests = (...args: string[]) => runCli(['requests', ...args, '--uri', db.uri]);

async function addRequests(count: number, status: string): Promise<string[]> {
  const { rows } = await db.pool.query<{ id: string }>(
    `insert into steadytext_queue (function_name, parameters, status, error)
     select 'embed', '{"text_input": "a text"}', $2, 'no luck' from generate_series(1, $1)
     returning request_id::text as id`,
    [count, status],
  );
  return rows.map(({ id }) => id);
}

test('requests can be listed by what they are, and shown', async () => {
  await addRequests(2, 'pending');
  const [id = ''] = await addRequests(1, 'failed');
  const listed = await requests('list', '--status', 'failed', '--since', '1h', '--json');
  expect(JSON.parse(listed.stdout)).toMatchObject([{ requestId: id, functionName: 'embed', error: 'no luck' }]);
  expect((await requests('list', '--until', '1h')).stdout).toBe('No request matches.\n');
  const shown = await requests('show', id);
  expect(shown.stdout).toContain(`Request ${id}`);
  expect(shown.stdout).toContain('a text');
  expect((await requests('list', '--status', 'faild')).stderr).toContain('did you mean "failed"?');
});

test('named requests are retried and cancelled, and the audit tells', async () => {
  const [failed = ''] = await addRequests(1, 'failed');
  const [done = ''] = await addRequests(1, 'completed');
  const retried = await requests('retry', failed, done);
  expect(retried).toMatchObject({
    code: 1,
    stdout: `Requests that were retried: 1\n  ${done} was not: it has not failed\n`,
  });
  expect((await requests('cancel', failed)).code).toBe(0);
  const audit = await runCli(['audit', '--json', '--uri', db.uri]);
  expect(JSON.parse(audit.stdout)).toMatchObject([
    { action: 'cancel', source: 'command line', filter: { ids: [failed] }, count: 1 },
    { action: 'retry', count: 1 },
  ]);
});

test('a request can be queued, and waited for', async () => {
  const queued = await requests(
    'run',
    '--function',
    'embed',
    '--model',
    'nobody/serves-this',
    '--priority',
    '3',
    'a text',
  );
  const row = await db.pool.query('select request_id::text as id, priority, parameters from steadytext_queue');
  expect(row.rows).toEqual([
    { id: queued.stdout.trim(), priority: 3, parameters: { text_input: 'a text', use_cache: true } },
  ]);
  await using _ = await startTestWorker({ uri: db.uri });
  const ranked = await requests('run', '--wait', '--function', 'rerank', '--document', 'a', '--document', 'b', 'b');
  expect(ranked).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\[\["b", .*\n$/) });
  const late = ['--wait', '--timeout', '1ms', '--model', 'nobody/serves-this'];
  expect(await requests('run', ...late, '--function', 'embed', 'a')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('hint: No running worker serves embed'),
  });
});

test('a text that is not in UTF-8 is refused', async () => {
  const child = startCli(['requests', 'run', '--function', 'embed', '-', '--uri', db.uri]);
  child.write(Buffer.from('caf\xe9', 'latin1'));
  expect((await child.exited).code).toBe(2);
  expect(child.stderr()).toBe('error: standard input: expected a text in UTF-8, got bytes that are none\n');
});

test('all that match are retried once somebody has said yes', async () => {
  await addRequests(1_200, 'failed');
  const asked = await requests('retry', '--status', 'failed');
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes to retry all that match: 1200') });
  const retried = await requests('retry', '--status', 'failed', '--yes');
  expect(retried).toMatchObject({ code: 0, stdout: 'Requests that were retried: 1200\n' });
  expect((await requests('retry', '--status', 'failed', '--yes')).stdout).toBe(
    'No request matches that could be retried.\n',
  );
});
