import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { requireSchema } from '../../src/db/migrate/schema-state.ts';
import type { Queryable } from '../../src/db/query.ts';
import { confirmWakeUp, requestWakeUp } from '../../src/process/wake-up.ts';
import { lookupCachedResults, pruneCachedResults } from '../../src/requests/cached-results.ts';
import { listLost } from '../../src/requests/list-lost.ts';
import { pruneRequests, pruneWorkers } from '../../src/requests/prune-requests.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { readServerSettings, recordServerSettings } from '../../src/requests/server-settings.ts';
import { cancelAbandoned, measureQueue, promoteRequests } from '../../src/requests/upkeep.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { type Cast, createCast } from './cast.ts';

let cast: Cast;
let db: Queryable;

beforeAll(async () => {
  cast = await createCast();
  db = cast.sessions.worker;
});
afterAll(() => cast[Symbol.asyncDispose]());
beforeEach(() => cast.database.pool.query('delete from public.steadytext_queue; delete from lamplighter.worker'));

const enqueue = (count: number) =>
  cast.sessions.a.query('select public.steadytext_embed_batch_async($1)', [Array.from({ length: count }, () => 'x')]);

async function statuses(): Promise<string[]> {
  const { rows } = await cast.sessions.a.query<{ status: string }>(
    'select status from public.steadytext_queue order by id',
  );
  return rows.map(({ status }) => status);
}

describe("a worker's role, which has no right on the queue", () => {
  test('starts: reads the version of the schema and the settings, asks for a wake-up', async () => {
    expect((await requireSchema(db)).isInstalled).toBe(true);
    await recordServerSettings(db, await readServerSettings(db));
    await requestWakeUp(db, 'requests');
    await confirmWakeUp(db, 'requests', '1');
    await measureQueue(db);
  });

  test('claims requests of other roles and ends them in every way', async () => {
    const worker = await startSqlWorker(db);
    await enqueue(5);
    const [first, second, third, fourth, fifth] = await worker.claim();
    if (!(first && second && third && fourth && fifth)) throw new Error('expected five requests');
    const cacheKey = randomBytes(32);
    await worker.finish([first], { kind: 'completed', result: '[1]', cacheKey });
    await worker.finish([second], { kind: 'failed', error: 'e' });
    await worker.finish([third], { kind: 'retry', error: 'e', delayMs: 0 });
    await worker.finish([fourth], { kind: 'defer', error: 'e', delayMs: 0 });
    await worker.finish([fifth], { kind: 'release' });
    expect(await statuses()).toEqual(['completed', 'failed', 'pending', 'pending', 'pending']);
    expect(await promoteRequests(db, 100)).toBe(2);
    expect((await lookupCachedResults(db, [cacheKey])).size).toBe(1);
    expect(await worker.claim()).toHaveLength(3);
  });

  test('keeps its lease, sees what it lost, and rescues what was in flight with a dead worker', async () => {
    const dead = await startSqlWorker(db);
    await enqueue(2);
    const held = await dead.claim();
    await cast.sessions.a.query(`update public.steadytext_queue set status = 'cancelled' where id = $1`, [held[0]?.id]);
    expect(await listLost(db, dead.workerId, held)).toHaveLength(1);
    await cast.database.pool.query(`update lamplighter.worker set last_heartbeat = 'epoch', lease_ms = 0`);

    const worker = await startSqlWorker(db);
    expect(await rescueRequests(db, 3)).toHaveLength(1);
    expect(await dead.renewLease()).toBe(false);
    expect(await worker.renewLease()).toBe(true);
    expect(await worker.claim()).toHaveLength(1);
    await cast.database.pool.query(`update lamplighter.worker set last_heartbeat = 'epoch', lease_ms = 0`);
    const last = await startSqlWorker(db);
    expect(await rescueRequests(db, 3)).toMatchObject([{ isQuarantined: true }]);
    expect(await last.hasQuarantined()).toBe(true);
    await last.finish(await last.claimQuarantined(9), { kind: 'completed', result: '[1]' });
    expect(await statuses()).toEqual(['cancelled', 'completed']);
  });

  test('prunes', async () => {
    const worker = await startSqlWorker(db);
    await enqueue(1);
    await worker.answer('[1]');
    expect(await pruneRequests(db, { olderThanMs: 0, afterId: '0', limit: 100 })).toMatchObject({ pruned: 1 });
    await pruneCachedResults(db, Buffer.alloc(0), 100);
    await pruneWorkers(db, 0);
    expect(await cancelAbandoned(db)).toBe(0);
  });

  test.each([
    'select from public.steadytext_queue',
    'select result from public.steadytext_queue',
    'select from public.steadytext_queue_id_seq',
    `update public.steadytext_queue set status = 'cancelled'`,
    'delete from public.steadytext_queue',
    'select dsn from lamplighter.loopback',
    'select from lamplighter.worker',
    'select from lamplighter.cached_result',
    `select public.steadytext_embed_async('x')`,
    `select public.steadytext_check_async(gen_random_uuid())`,
    `select public.steadytext_pause('embed')`,
    `select lamplighter.set('max_queue_size', '1')`,
    'select lamplighter.send_autonomous(gen_random_uuid())',
    'copy public.steadytext_queue to stdout',
    'create table lamplighter.mine ()',
  ])('is refused: %s', async (statement) => {
    expect((await sqlErrorOf(db, statement)).code).toBe('42501');
  });

  test('cannot reach the requests by SET ROLE either', async () => {
    for (const role of [cast.names.owner, cast.names.a]) {
      expect((await sqlErrorOf(db, `set role ${role}`)).code).toBe('42501');
    }
  });
});

test('the owner runs the engine without any grant', async () => {
  const worker = await startSqlWorker(cast.sessions.owner);
  await enqueue(3);
  expect(await worker.answer('[1]')).toBe(3);
  expect(await statuses()).toEqual(['completed', 'completed', 'completed']);
});

describe('nobody else runs the engine', () => {
  test.each(['a', 'asA', 'member', 'stranger'] as const)('%s', async (role) => {
    const refused = await startSqlWorker(cast.sessions[role]).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: '42501' });
  });
});

test('the events of a request tell every listener its id, function and status, and nothing else', async () => {
  const { stranger } = cast.sessions;
  const payloads: string[] = [];
  const collect = ({ payload }: { payload?: string | undefined }) => payloads.push(payload ?? '');
  stranger.on('notification', collect);
  await stranger.query('listen steadytext_completed');
  const worker = await startSqlWorker(db);
  const { rows } = await cast.sessions.a.query<{ id: string }>(
    `select unnest(public.steadytext_embed_batch_async(array['secret "}, {" text', 'x'], model => 'default')) as id`,
  );
  await worker.finish(await worker.claim({ limit: 1 }), { kind: 'completed', result: '["secret result"]' });
  await cast.sessions.a.query('select public.steadytext_cancel_async($1)', [rows[1]?.id]);
  await stranger.query('unlisten *');
  stranger.off('notification', collect);
  expect(payloads.map((payload) => JSON.parse(payload))).toEqual([
    { request_id: rows[0]?.id, function: 'embed', status: 'completed' },
    { request_id: rows[1]?.id, function: 'embed', status: 'cancelled' },
  ]);
});
