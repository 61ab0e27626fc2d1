import { expect } from 'vitest';
import { createLogger } from '../../src/core/log.ts';
import type { MigrateReport } from '../../src/db/migrate/migrate.ts';
import type { Queryable } from '../../src/db/query.ts';
import { runInTransaction } from '../../src/db/transaction.ts';
import { type Client, createClient } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { parseLogLine } from '../support/log-line.ts';
import { migrateAs, withSession } from '../support/owned-database.ts';
import { firstValue } from '../support/requests.ts';
import { spawnWorker, type TestWorkerOptions } from '../support/test-worker.ts';
import type { Host } from './host-database.ts';

export interface ProofOptions {
  /** How the three reach the database. @default the roles' own addresses */
  readonly ownerUri?: string;
  readonly callerUri?: string;
  readonly workerUri?: string;
  /** Past a pooler, for whoever listens. */
  readonly callerDirectUri?: string;
  readonly workerDirectUri?: string;
  /** What is asked for and answered. @default letters beyond ASCII, quotes and a backslash */
  readonly text?: string;
  readonly workerOptions?: Partial<TestWorkerOptions>;
  /** Called while the worker runs and before it is stopped. */
  readonly meanwhile?: () => Promise<void>;
}

export interface Proof {
  readonly migration: MigrateReport;
  /** Whether notifications reach the two, by their own word. */
  readonly doesWorkerListen: boolean;
  readonly doesCallerListen: boolean;
  /** What the worker complained of. */
  readonly warnings: readonly string[];
}

/**
 * Goes the whole way on a host: the owner migrates, a caller queues several functions, a worker process answers them, a request in
 * progress is cancelled, a failure is told, callers wait in SQL and in the client, the owner prunes, and the worker stops.
 */
export async function proveHost(host: Host, options: ProofOptions = {}): Promise<Proof> {
  const { ownerUri = host.owner.uri, callerUri = host.caller.uri, workerUri = host.worker.uri } = options;
  const {
    text = 'λ "quoted" \\ text',
    callerDirectUri,
    workerDirectUri,
    workerOptions = {},
    meanwhile = async () => undefined,
  } = options;
  const migration = await migrateAs(ownerUri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
  expect((await migrateAs(ownerUri)).steps.filter((step) => !step.startsWith('grant'))).toEqual([]);

  await using worker = await spawnWorker({
    uri: workerUri,
    ...(workerDirectUri === undefined ? {} : { directUri: workerDirectUri }),
    ...workerOptions,
  });
  await withSession(callerUri, (caller) => proveSql(caller, text));
  const doesCallerListen = await proveClient(callerUri, callerDirectUri);
  await meanwhile();
  worker.kill();
  expect(await worker.exited).toEqual({ code: 0, signal: null });
  await withSession(ownerUri, async (owner) => {
    const { rows } = await owner.query('select status from public.steadytext_worker_status() where worker_id = $1', [
      worker.workerId,
    ]);
    expect(rows).toEqual([{ status: 'stopped' }]);
    const prune = (transaction: Queryable) => firstValue(transaction, `select public.steadytext_prune('0')`);
    expect(Number(await runInTransaction(owner, prune))).toBeGreaterThan(7);
  });

  const lines = worker.stderr().split('\n').filter(Boolean).map(parseLine);
  return {
    migration,
    doesWorkerListen: lines.some(({ msg }) => msg === 'listening for notifications'),
    doesCallerListen,
    warnings: lines
      .filter(({ level, text }) => level >= 40 && !text.includes('failed for good'))
      .map(({ text }) => text),
  };
}

function parseLine(text: string): { readonly level: number; readonly msg: string; readonly text: string } {
  const { level, msg } = parseLogLine(text);
  return { level, msg, text };
}

/** A caller that has only SQL. */
async function proveSql(caller: Queryable, given: string): Promise<void> {
  const ids = await caller.query<{ id: string }>(
    `select public.steadytext_generate_async($1, use_cache => false) as id
     union all select public.steadytext_embed_async($1, use_cache => false)
     union all select public.steadytext_generate_json_async($1, '{"type": "object"}', use_cache => false)
     union all select public.steadytext_generate_choice_async($1, array['a', 'b'], use_cache => false)
     union all select public.steadytext_rerank_async('red', array['a red one', 'blue'], use_cache => false)`,
    [given],
  );
  const results = [];
  for (const { id } of ids.rows) {
    results.push(await firstValue<string>(caller, 'select public.steadytext_get_async_result($1, 15)', [id]));
  }
  const [text, vector, json, choice, ranking] = results;
  expect(text).toBe(given);
  expect(JSON.parse(vector ?? '')).toHaveLength(8);
  expect(JSON.parse(json ?? '')).toEqual({ prompt: given });
  expect(choice).toBe('a');
  expect(JSON.parse(ranking ?? '')[0][0]).toBe('a red one');

  const batch = await firstValue<string[]>(caller, 'select public.steadytext_embed_batch_async($1)', [['one', 'two']]);
  for (const id of batch) await firstValue(caller, 'select public.steadytext_get_async_result($1, 15)', [id]);

  const hanging = await firstValue<string>(caller, `select public.steadytext_generate_async('!hang')`);
  const statusOf = (id: string) =>
    firstValue<string>(caller, 'select status from public.steadytext_check_async($1)', [id]);
  await eventually(async () => expect(await statusOf(hanging)).toBe('processing'));
  expect(await firstValue(caller, 'select public.steadytext_cancel_async($1)', [hanging])).toBe(true);
  expect(await statusOf(hanging)).toBe('cancelled');

  const invalid = await firstValue<string>(caller, `select public.steadytext_generate_async('!invalid')`);
  await expect(caller.query('select public.steadytext_get_async_result($1, 15)', [invalid])).rejects.toThrow(
    'Async request failed: The test runtime was told that this is invalid',
  );
}

/** A caller in TypeScript; whether it heard, in the end, by notifications. */
async function proveClient(uri: string, directUri: string | undefined): Promise<boolean> {
  const said: string[] = [];
  const log = createLogger({ destination: { write: (line) => void said.push(JSON.parse(line).msg) } });
  await using client = createClient({ uri, directUri, log });
  const first = client.wait(await client.generate('!sleep:100 first', { useCache: false }), { timeoutMs: 15_000 });
  const hasSettled = () => expect(said.join()).toMatch(/listening for notifications/);
  await Promise.all([first, eventually(hasSettled, { timeoutMs: 15_000 })]);
  const second = client.wait(await client.embed('second', { useCache: false }), { timeoutMs: 15_000 });
  expect(await second).toHaveLength(8);
  await proveClientCancel(client);
  return said.at(-1) === 'listening for notifications';
}

async function proveClientCancel(client: Client): Promise<void> {
  const id = await client.generate('!hang');
  await eventually(async () => expect((await client.check(id))?.status).toBe('processing'));
  const waiting = expect(client.wait(id, { timeoutMs: 15_000 })).rejects.toMatchObject({ code: 'REQUEST_CANCELLED' });
  expect(await client.cancel(id)).toBe(true);
  await waiting;
}
