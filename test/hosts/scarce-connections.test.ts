import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { migrateAs, withSession } from '../support/owned-database.ts';
import { embed, rowsOf, untilStatus } from '../support/requests.ts';
import { spawnWorker } from '../support/test-worker.ts';
import { provesAllHosts } from './all-hosts.ts';
import { createHost, type Host } from './host-database.ts';
import { type OwnServer, startOwnServer } from './own-server.ts';

let server: OwnServer;
beforeAll(async () => {
  server = await startOwnServer({ settings: { max_connections: '20', superuser_reserved_connections: '3' } });
});
afterAll(() => server.stop());

/** Connections of somebody else. */
async function openCrowd(uri: string) {
  const crowd: pg.Client[] = [];
  async function add(): Promise<void> {
    const client = new pg.Client({ connectionString: uri, application_name: 'lamplighter test crowd' });
    client.on('error', () => undefined);
    await client.connect();
    crowd.push(client);
  }
  return {
    async grow(count: number) {
      for (let n = 0; n < count; n += 1) await add();
    },
    /** Takes connections until the server has none left for ordinary roles. */
    async takeAll() {
      for (;;) {
        try {
          await add();
        } catch (error) {
          expect(error).toMatchObject({ code: '53300' });
          return;
        }
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(crowd.splice(0).map((client) => client.end()));
    },
  };
}

async function sessionsOf(host: Host, role: string): Promise<number> {
  const [row] = await host.admin<{ n: number }>('select count(*)::int as n from pg_stat_activity where usename = $1', [
    role,
  ]);
  return row?.n ?? 0;
}

const texts = (name: string, ms = 2) => Array.from({ length: 300 }, (_, n) => `!sleep:${ms} ${name} ${n}`);

test('20 connections: a worker keeps to its 8, lives with the 5 that are left and with none, and charges nobody', async () => {
  await using host = await createHost({ serverUri: server.uri });
  await migrateAs(host.owner.uri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
  await using crowd = await openCrowd(host.owner.uri);
  await crowd.grow(11);
  await withSession(host.caller.uri, async (caller) => {
    await using worker = await spawnWorker({
      uri: host.worker.uri,
      maxConnections: 8,
      concurrency: 16,
      logLevel: 'debug',
    });
    const first = await embed(caller, texts('first'));
    let most = 0;
    await eventually(async () => {
      most = Math.max(most, await sessionsOf(host, host.worker.name));
      await untilStatus(caller, first, 'completed', { timeoutMs: 0 });
    });
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(8);

    await crowd.takeAll();
    const second = await embed(caller, texts('second'));
    await untilStatus(caller, second, 'completed');
    await using client = createClient({ uri: host.caller.uri });
    await expect(client.embed('no room')).rejects.toMatchObject({ code: 'TOO_MANY_CONNECTIONS' });

    // While the model works all that the worker has is taken from it, and it may have no more.
    const third = await embed(caller, texts('third', 50));
    await eventually(async () => {
      const rows = await rowsOf(caller, third);
      expect(rows.filter(({ status }) => status === 'processing').length).toBeGreaterThan(100);
    });
    await host.admin(`alter role ${host.worker.name} connection limit 0`);
    await host.admin('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [host.worker.name]);
    await worker.waitForLine(/has no connection left.*could not record results/);
    await host.admin(`alter role ${host.worker.name} connection limit -1`);
    await crowd[Symbol.asyncDispose]();
    const all = [...first, ...second, ...third];
    const rows = await untilStatus(caller, all, 'completed', { timeoutMs: 30_000 });
    expect(rows.filter(({ retry_count }) => retry_count > 0)).toEqual([]);
    worker.kill();
    expect(await worker.exited).toEqual({ code: 0, signal: null });
  });
}, 60_000);

test.skipIf(!provesAllHosts)('a role that may have three connections is enough for a worker', async () => {
  await using host = await createHost({ serverUri: server.uri, prepare: 'alter role WORKER connection limit 3' });
  await migrateAs(host.owner.uri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
  await withSession(host.caller.uri, async (caller) => {
    await using _worker = await spawnWorker({ uri: host.worker.uri, maxConnections: 4, concurrency: 16 });
    const rows = await untilStatus(caller, await embed(caller, texts('few')), 'completed');
    expect(rows.filter(({ retry_count }) => retry_count > 0)).toEqual([]);
  });
});
