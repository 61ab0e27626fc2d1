import { describe, expect, test } from 'vitest';
import { createClient } from '../../src/index.ts';
import { eventually } from '../support/eventually.ts';
import { migrateAs, withSession } from '../support/owned-database.ts';
import { embed, firstValue } from '../support/requests.ts';
import { spawnWorker } from '../support/test-worker.ts';
import { provesAllHosts } from './all-hosts.ts';
import { createHost } from './host-database.ts';
import { proveHost } from './prove-host.ts';
import { serverMajor } from './server-major.ts';

const major = await serverMajor();
type Settings = Readonly<Record<string, string>>;

/** ALTER ROLE for each of the roles; what this server does not know yet is left out. */
function give(settings: Settings, roles: readonly string[] = ['OWNER', 'CALLER', 'WORKER']): string {
  const known = Object.entries(settings).filter(([name]) => name !== 'transaction_timeout' || major >= 17);
  return roles
    .flatMap((role) => known.map(([name, value]) => `alter role ${role} set ${name} = '${value}';`))
    .join('\n');
}

const WELL = { doesWorkerListen: true, doesCallerListen: true, warnings: [] };

/** Also what these settings would cut when our statements and sessions lasted as long as they may. */
const TIME_LIMITS = {
  statement_timeout: '8s',
  lock_timeout: '100ms',
  transaction_timeout: '2s',
  idle_in_transaction_session_timeout: '1s',
};
const FOREIGN_FORMATS = {
  DateStyle: 'German',
  TimeZone: 'Asia/Kolkata',
  IntervalStyle: 'sql_standard',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  lc_messages: 'C',
};

describe('roles without any attribute', () => {
  test.each<[string, string]>([
    ['short time limits and foreign formats', give({ ...TIME_LIMITS, ...FOREIGN_FORMATS })],
    [
      'owner and worker READ ONLY and SERIALIZABLE by default',
      give(
        {
          default_transaction_read_only: 'on',
          default_transaction_isolation: 'serializable',
          default_transaction_deferrable: 'on',
        },
        ['OWNER', 'WORKER'],
      ),
    ],
  ])('%s', async (_, prepare) => {
    await using host = await createHost({ prepare });
    expect(await proveHost(host)).toMatchObject(WELL);
  });

  test.skipIf(!provesAllHosts).each<[string, string]>([
    ['no settings', ''],
    ['short time limits', give(TIME_LIMITS)],
    ['foreign formats of dates, intervals, bytes and numbers', give(FOREIGN_FORMATS)],
    [
      'owner and worker REPEATABLE READ',
      give({ default_transaction_isolation: 'repeatable read' }, ['OWNER', 'WORKER']),
    ],
    ['an empty search_path', give({ search_path: '' })],
    ['a search_path without public', give({ search_path: 'pg_catalog' })],
    ['client_encoding LATIN1', give({ client_encoding: 'LATIN1' })],
    [
      'backslashes as escapes, every identifier quoted',
      give({ standard_conforming_strings: 'off', quote_all_identifiers: 'on' }),
    ],
    ['row_security off for owner and worker', give({ row_security: 'off' }, ['OWNER', 'WORKER'])],
    [
      'plpgsql that calls every ambiguity an error',
      give({ 'plpgsql.extra_errors': 'all', 'plpgsql.variable_conflict': 'error' }),
    ],
    ['plpgsql.variable_conflict use_variable', give({ 'plpgsql.variable_conflict': 'use_variable' })],
    ['plpgsql.variable_conflict use_column', give({ 'plpgsql.variable_conflict': 'use_column' })],
    [
      'a planner without indexes and nested loops',
      give({
        enable_indexscan: 'off',
        enable_nestloop: 'off',
        plan_cache_mode: 'force_generic_plan',
        jit_above_cost: '0',
      }),
    ],
    [
      'synchronous_commit off, little memory',
      give({ synchronous_commit: 'off', work_mem: '64kB', temp_buffers: '800kB' }),
    ],
  ])('%s', async (_, prepare) => {
    await using host = await createHost({ prepare });
    expect(await proveHost(host)).toMatchObject(WELL);
  });

  test.skipIf(!provesAllHosts)('time limits that pass while a worker has nothing to do', async () => {
    const limits = { statement_timeout: '2s', transaction_timeout: '1s', idle_in_transaction_session_timeout: '500ms' };
    await using host = await createHost({ prepare: give(limits) });
    const meanwhile = () =>
      eventually(
        async () => {
          const [worker] = await host.admin(`select from lamplighter.worker where last_heartbeat > started_at + '10s'`);
          expect(worker).toBeDefined();
        },
        { timeoutMs: 30_000 },
      );
    expect(await proveHost(host, { meanwhile })).toMatchObject(WELL);
  });

  test('idle_session_timeout does not cut the listener', async () => {
    await using host = await createHost({ prepare: give({ idle_session_timeout: '400ms' }) });
    const meanwhile = () =>
      eventually(async () => {
        const [listener] = await host.admin(
          `select from pg_stat_activity where application_name = 'lamplighter listener' and state_change < now() - interval '900ms'`,
        );
        expect(listener).toBeDefined();
      });
    expect(await proveHost(host, { meanwhile })).toMatchObject(WELL);
  });
});

test('three workers that are SERIALIZABLE by default share a backlog without a conflict', async () => {
  await using host = await createHost({ prepare: give({ default_transaction_isolation: 'serializable' }, ['WORKER']) });
  await migrateAs(host.owner.uri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
  await using first = await spawnWorker({ uri: host.worker.uri });
  await using second = await spawnWorker({ uri: host.worker.uri });
  await using third = await spawnWorker({ uri: host.worker.uri });
  await withSession(host.caller.uri, async (caller) => {
    const texts = Array.from({ length: 100 }, (_, n) => `text ${n}`);
    for (let batch = 0; batch < 20; batch += 1) await embed(caller, texts);
    await eventually(async () => {
      const open = `select count(*) from public.steadytext_queue where status <> 'completed'`;
      expect(Number(await firstValue(caller, open))).toBe(0);
    });
  });
  for (const worker of [first, second, third]) expect(worker.stderr()).not.toContain('serialize');
});

test('a caller that is READ ONLY by default queues and waits with the client', async () => {
  await using host = await createHost({ prepare: give({ default_transaction_read_only: 'on' }, ['CALLER']) });
  await migrateAs(host.owner.uri, { grant: [host.caller.name] });
  await using client = createClient({ uri: host.caller.uri });
  const id = await client.embed('text');
  expect(await client.check(id)).toMatchObject({ status: 'pending' });
});

describe('a statement_timeout of 8 s on the role of the caller', () => {
  test.skipIf(!provesAllHosts)('SQL is told just before it, the client waits on', async () => {
    await using host = await createHost({ prepare: give({ statement_timeout: '8s' }) });
    await migrateAs(host.owner.uri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
    await using _worker = await spawnWorker({ uri: host.worker.uri });
    await using client = createClient({ uri: host.caller.uri });
    const id = await client.generate('!sleep:10000 late', { useCache: false });
    const waiting = client.wait(id, { timeoutMs: 15_000 });
    waiting.catch(() => undefined); // told below
    await withSession(host.caller.uri, async (caller) => {
      await expect(caller.query('select public.steadytext_get_async_result($1, 30)', [id])).rejects.toMatchObject({
        message: 'Timeout waiting for async result (30 seconds)',
        hint: expect.stringContaining('statement_timeout'),
      });
    });
    expect(await waiting).toBe('!sleep:10000 late');
  });
});

test('a database of which its host says READ ONLY is not written to, as hosts say it when the disk is almost full', async () => {
  await using host = await createHost();
  await migrateAs(host.owner.uri, { grant: [host.caller.name], grantWorker: [host.worker.name] });
  await host.admin(`alter database ${host.database} set default_transaction_read_only = on`);
  await expect(spawnWorker({ uri: host.worker.uri })).rejects.toThrow('The server is read-only');
  await using client = createClient({ uri: host.caller.uri });
  await expect(client.embed('text')).rejects.toMatchObject({ code: '25006' });
  await expect(migrateAs(host.owner.uri, { grant: [host.caller.name] })).rejects.toMatchObject({
    code: 'CONNECTION_REFUSED',
    message: 'The server is read-only: default_transaction_read_only is on for all roles',
  });
});
