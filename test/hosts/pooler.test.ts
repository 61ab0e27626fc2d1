import { describe, expect, test } from 'vitest';
import { isLamplighterError } from '../../src/core/errors.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createClient } from '../../src/index.ts';
import { isPgbouncerAtLeast, type PgbouncerOptions, pgbouncer, startPgbouncer } from '../db/pgbouncer.ts';
import { eventually } from '../support/eventually.ts';
import { migrateAs, withSession } from '../support/owned-database.ts';
import { firstValue, rowsOf } from '../support/requests.ts';
import { spawnWorker } from '../support/test-worker.ts';
import { provesAllHosts } from './all-hosts.ts';
import { createHost, type Host } from './host-database.ts';
import { proveHost } from './prove-host.ts';

type Mode = 'session' | 'transaction';

async function startHostPooler(host: Host, mode: Mode, settings: PgbouncerOptions['settings'] = {}) {
  const users = [host.owner.uri, host.caller.uri, host.worker.uri];
  return startPgbouncer(resolveConnection({ uri: host.owner.uri }, {}), mode, { users, settings });
}

interface Shape {
  readonly mode: Mode;
  readonly isDirectGiven: boolean;
  readonly settings?: Readonly<Record<string, string>>;
}

/** The whole way through a pooler, but for migrate where transactions are pooled. */
async function prove({ mode, isDirectGiven, settings }: Shape) {
  await using host = await createHost();
  await using pooler = await startHostPooler(host, mode, settings);
  return await proveHost(host, {
    ownerUri: mode === 'session' ? pooler.uriFor(host.owner.uri) : host.owner.uri,
    callerUri: pooler.uriFor(host.caller.uri),
    workerUri: pooler.uriFor(host.worker.uri),
    ...(isDirectGiven && { callerDirectUri: host.caller.uri, workerDirectUri: host.worker.uri }),
  });
}

const LISTENS = { doesWorkerListen: true, doesCallerListen: true, warnings: [] };
const POLLS = {
  doesWorkerListen: false,
  doesCallerListen: false,
  warnings: [expect.stringContaining('a transaction pooler is in front of the server')],
};

describe.skipIf(pgbouncer === undefined)('PgBouncer', () => {
  test('transaction pooling: worker and caller poll', async () => {
    expect(await prove({ mode: 'transaction', isDirectGiven: false })).toMatchObject(POLLS);
  });

  test('transaction pooling with a direct address: both listen', async () => {
    expect(await prove({ mode: 'transaction', isDirectGiven: true })).toMatchObject(LISTENS);
  });

  test('session pooling: both listen through it', async () => {
    expect(await prove({ mode: 'session', isDirectGiven: false })).toMatchObject(LISTENS);
  });

  describe.skipIf(!provesAllHosts)('in other shapes', () => {
    test('session pooling with a direct address', async () => {
      expect(await prove({ mode: 'session', isDirectGiven: true })).toMatchObject(LISTENS);
    });

    test('session pooling that resets nothing', async () => {
      const settings = { server_reset_query: '' };
      expect(await prove({ mode: 'session', isDirectGiven: false, settings })).toMatchObject(LISTENS);
    });

    test('transaction pooling that resets after each transaction', async () => {
      const settings = { server_reset_query_always: '1' };
      expect(await prove({ mode: 'transaction', isDirectGiven: false, settings })).toMatchObject(POLLS);
    });

    test('transaction pooling over one server connection', async () => {
      const settings = { default_pool_size: '1' };
      expect(await prove({ mode: 'transaction', isDirectGiven: false, settings })).toMatchObject(POLLS);
    });

    test.skipIf(!isPgbouncerAtLeast(1, 21)).each(['0', '200'])('max_prepared_statements = %s', async (count) => {
      const settings = { max_prepared_statements: count };
      expect(await prove({ mode: 'transaction', isDirectGiven: false, settings })).toMatchObject(POLLS);
    });
  });

  test.each<Mode>(provesAllHosts ? ['transaction', 'session'] : ['transaction'])(
    '%s pooling: one transaction queues and waits',
    async (mode) => {
      await using host = await createHost({ prepare: 'create extension dblink' });
      await using pooler = await startHostPooler(host, mode);
      const { host: address, port, password } = resolveConnection({ uri: host.owner.uri }, {});
      await migrateAs(host.owner.uri, {
        grant: [host.caller.name],
        grantWorker: [host.worker.name],
        loopbackDsn: `host=${address} port=${port} dbname=${host.database} user=${host.owner.name} password=${password}`,
      });
      await using _worker = await spawnWorker({ uri: pooler.uriFor(host.worker.uri) });
      await withSession(pooler.uriFor(host.caller.uri), async (caller) => {
        await caller.query('begin');
        const id = await firstValue(caller, `select steadytext_generate_async('in one transaction')`);
        expect(await firstValue(caller, 'select steadytext_get_async_result($1, 15)', [id])).toBe('in one transaction');
        await caller.query('commit');
      });
    },
  );

  test.each<Mode>(provesAllHosts ? ['transaction', 'session'] : ['transaction'])(
    '%s pooling, restarted under load: what was accepted is answered, once and uncharged',
    async (mode) => {
      await using host = await createHost();
      await using pooler = await startHostPooler(host, mode);
      await migrateAs(host.owner.uri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
      await using worker = await spawnWorker({ uri: pooler.uriFor(host.worker.uri), leaseMs: 5_000, heartbeatMs: 500 });
      await using client = createClient({ uri: pooler.uriFor(host.caller.uri) });
      const accepted: string[] = [];
      const refused: unknown[] = [];
      let isOver = false;
      const load = (async () => {
        for (let n = 0; !isOver; n += 1) {
          try {
            accepted.push(
              ...(await client.generateBatch([`!sleep:20 a ${n}`, `b ${n}`, `c ${n}`], { useCache: false })),
            );
          } catch (error) {
            refused.push(error);
          }
        }
      })();
      try {
        for (const count of [60, 120]) {
          await eventually(() => expect(accepted.length).toBeGreaterThan(count));
          await pooler.restart();
        }
        await eventually(() => expect(accepted.length).toBeGreaterThan(240));
      } finally {
        isOver = true;
        await load;
      }
      const isExpected = (error: unknown) =>
        isLamplighterError(error) && ['CONNECTION_LOST', 'CONNECTION_REFUSED'].includes(error.code);
      expect(refused.filter((error) => !isExpected(error))).toEqual([]);
      expect(refused.length).toBeGreaterThan(0);
      await withSession(host.owner.uri, async (owner) => {
        await eventually(
          async () => {
            const rows = await rowsOf(owner, accepted);
            expect(rows).toHaveLength(accepted.length);
            expect(rows.filter(({ status }) => status !== 'completed').slice(0, 1)).toEqual([]);
          },
          { timeoutMs: 30_000 },
        );
        const rows = await rowsOf(owner, accepted);
        expect(rows.filter(({ retry_count }) => retry_count > 0)).toEqual([]);
        expect(rows.filter(({ parameters, result }) => parameters['prompt'] !== result)).toEqual([]);
      });
      worker.kill();
      expect(await worker.exited).toEqual({ code: 0, signal: null });
    },
    60_000,
  );
});
