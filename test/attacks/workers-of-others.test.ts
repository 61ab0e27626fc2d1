import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Queryable } from '../../src/db/query.ts';
import { registerWorker, renewLease } from '../../src/process/renew-lease.ts';
import { claimQuarantined, claimRequestsAtOnce } from '../../src/requests/claim-requests.ts';
import { type ClaimedRequest, laneKey } from '../../src/requests/claimed-request.ts';
import { finishRequests } from '../../src/requests/finish-requests.ts';
import { type Cast, createCast } from '../roles/cast.ts';
import { openSession, type SqlSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

// A login that may run workers, and the worker of another login.
let cast: Cast;
let attacker: SqlSession;
let attackerName: string;
let victim: SqlWorker;
let held: ClaimedRequest;

beforeAll(async () => {
  cast = await createCast();
  const role = await cast.database.createRole('other_worker');
  attackerName = role.name;
  await cast.sessions.owner.query('select lamplighter.grant_worker($1)', [role.name]);
  attacker = await openSession(role.uri);
});
afterAll(async () => {
  await attacker[Symbol.asyncDispose]();
  await cast[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await cast.database.pool.query(
    'delete from public.steadytext_queue; delete from lamplighter.worker; delete from lamplighter.claim',
  );
  victim = await startSqlWorker(cast.sessions.worker);
  await cast.sessions.a.query(`select public.steadytext_embed_batch_async(array['held', 'ready'])`);
  held = (await victim.claim({ limit: 1 }))[0] as ClaimedRequest; // there are two
});

const LANES = [{ functionName: 'embed', model: 'default', most: 9 }] as const;
const renewAs = (db: Queryable, status: 'running' | 'stopped') =>
  renewLease(db, {
    workerId: victim.workerId,
    status,
    concurrency: 1,
    inFlight: 0,
    processed: 0,
    failed: 0,
    settledClaims: [1],
  });
const answerAs = (db: Queryable) =>
  finishRequests(db, [{ id: held.id, attempt: held.attempt, outcome: { kind: 'completed', result: 'forged' } }], {
    workerId: victim.workerId,
    maxRetries: 3,
  });

const ATTACKS: Readonly<Record<string, (db: Queryable) => Promise<unknown>>> = {
  'end it': (db) => renewAs(db, 'stopped'),
  'keep it alive': (db) => renewAs(db, 'running'),
  'answer what it holds': answerAs,
  'let it claim': (db) => claimRequestsAtOnce(db, { workerId: victim.workerId, claimNumber: 99, lanes: LANES }),
  'let it claim from quarantine': (db) => claimQuarantined(db, { workerId: victim.workerId, claimNumber: 99 }, LANES),
};

describe('the worker of another login', () => {
  test.each(Object.keys(ATTACKS))('nobody can %s', async (name) => {
    await expect(ATTACKS[name]?.(attacker.client)).rejects.toMatchObject({
      code: '42501',
      message: `Worker ${victim.workerId} belongs to another login`,
    });
    const { rows } = await cast.database.pool.query(
      `select w.status, (select count(*)::int from lamplighter.claim) as claims,
              (select count(*)::int from public.steadytext_queue where status = 'processing') as held
       from lamplighter.worker as w`,
    );
    expect(rows).toEqual([{ status: 'running', claims: 1, held: 1 }]);
  });

  test('nor by taking on the role of that login for a statement', async () => {
    await cast.database.pool.query(`grant ${cast.names.worker} to ${attackerName}`);
    try {
      await attacker.client.query(`set role ${cast.names.worker}`);
      await expect(renewAs(attacker.client, 'stopped')).rejects.toMatchObject({ code: '42501' });
    } finally {
      await attacker.client.query('reset role');
      await cast.database.pool.query(`revoke ${cast.names.worker} from ${attackerName}`);
    }
  });
});

test('two workers of one login are one party', async () => {
  await using session = await openSession(cast.logins.worker.uri);
  expect(await renewAs(session.client, 'running')).toMatchObject({ isAlive: true });
  expect((await answerAs(session.client)).statuses.size).toBe(1);
});

test('the schema owner may end any worker', async () => {
  expect(await renewAs(cast.sessions.owner, 'stopped')).toMatchObject({ isAlive: true });
});

test.each([0, -1, 999, 3_600_001, 2_147_483_647])('no worker has a lease of %i ms', async (leaseMs) => {
  const registered = registerWorker(attacker.client, {
    hostname: 'h',
    pid: 1,
    version: '0',
    lanes: LANES.map(laneKey),
    concurrency: 1,
    leaseMs,
  });
  await expect(registered).rejects.toMatchObject({ code: '22023' });
});

test('nor one without bounds', async () => {
  await expect(
    attacker.client.query(`select lamplighter.register_worker('h', 1, '0', '{}', 1, null)`),
  ).rejects.toMatchObject({ code: '22023' });
});
