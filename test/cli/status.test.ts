import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate/migrate.ts';
import { createWorker } from '../../src/worker/create-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession } from '../support/sql-session.ts';
import { runCli } from './run-cli.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const run = async (command: string, uri: string, ...flags: readonly string[]) =>
  runCli([command, '--uri', uri, ...flags]);

test('the role of a worker sees the workers and the figures of all, and no text of a request', async () => {
  const role = await db.createRole('lamp');
  await using session = await openSession(db.uri);
  await migrate(session.client, { grantWorker: [role.name] });
  const worker = await createWorker({ uri: role.uri });
  try {
    const { code, stdout } = await run('status', role.uri);
    expect(stdout).toMatch(/^Requests in .*\n {2}none waits or runs$/m);
    expect(stdout).toMatch(/^ .* running .* embed,rerank$/m);
    expect(code).toBe(0);
    const json = JSON.parse((await run('status', role.uri, '--json')).stdout);
    expect(json).toMatchObject({ workers: [{ workerId: worker.workerId }], pauses: [] });
    expect(json).toMatchObject({ isOfAll: true, requests: [] });
    expect(json).not.toHaveProperty('waits');
  } finally {
    await worker.stop();
  }
});

describe('a paused function', () => {
  beforeAll(() => db.pool.query("select steadytext_pause('embed')"));
  afterAll(() => db.pool.query("select steadytext_resume('embed')"));

  test('stands in status, also where nothing waits for it', async () => {
    expect((await run('status', db.uri)).stdout).toMatch(
      /^Paused\n.*\n {2}embed .* SELECT steadytext_resume\('embed'\)$/m,
    );
    const { pauses } = JSON.parse((await run('status', db.uri, '--json')).stdout);
    expect(pauses).toMatchObject([{ functionName: 'embed', pausedBy: expect.any(String) }]);
  });

  test('is a warning of doctor', async () => {
    expect((await run('doctor', db.uri)).stdout).toMatch(
      /^warning +pauses +embed has been paused by .*\n +fix: As the owner: SELECT steadytext_resume\('embed'\)$/m,
    );
  });
});

test('a pipe gets whole lines, and requests that nobody serves come with the command that would', async () => {
  const id = (await db.pool.query("select steadytext_generate_async('a') as id")).rows[0].id;
  const error = `it failed ${'because of a long story '.repeat(12)}which ends here`;
  await db.pool.query("update steadytext_queue set error = $2, run_at = now() + interval '1 h' where request_id = $1", [
    id,
    error,
  ]);
  const { stdout } = await run('status', db.uri);
  expect(stdout).toContain(error);
  expect(stdout).toContain('generate: lamplighter worker --generate-model MODEL');
});
