import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Blow, type FaultProxy, type Moment, startFaultProxy } from '../faults/support/fault-proxy.ts';
import { SHORT_LEASE } from '../faults/support/fault-rig.ts';
import {
  type Downfall,
  type FaultServer,
  promote,
  startFaultServer,
  startStandby,
} from '../faults/support/fault-server.ts';
import { eventually } from '../support/eventually.ts';
import type { SpawnedProcess } from '../support/process.ts';
import { createVectorRig, type VectorRig } from './vector-rig.ts';

let server: FaultServer;
/** The name by which the daemons find whoever is the primary. */
let name: FaultProxy;
/** The same for writers and the check; nothing is hit here. */
let calm: FaultProxy;
let rig: VectorRig;
let spawn: () => Promise<SpawnedProcess>;
let daemons: SpawnedProcess[];
beforeAll(async () => {
  server = await startFaultServer();
  const { uri } = await server.createDatabase();
  name = await startFaultProxy(server.port);
  calm = await startFaultProxy(server.port);
  rig = await createVectorRig({ uri: calm.through(uri) });
  spawn = () => rig.spawn({ uri: name.through(uri) });
  daemons = await Promise.all([spawn(), spawn()]);
}, 60_000);
afterAll(async () => {
  for (const daemon of daemons ?? []) await daemon[Symbol.asyncDispose]();
  await rig?.[Symbol.asyncDispose]();
  await name?.[Symbol.asyncDispose]();
  await calm?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
}, 60_000);

let tables = 0;
/** A table that is written to all the time, while both daemons serve it. */
async function startTable(rows = 60) {
  tables += 1;
  const table = `outage_${tables}`;
  await rig.addTable(table, rows);
  const writer = rig.startWriter(table, tables);
  await eventually(() => expect(writer.committed).toBeGreaterThan(10), { timeoutMs: 20_000 });
  return { table, writer };
}

/** Writers go on, and then every vector is right; the job is given up, so that the next test has the daemons for itself. */
async function expectProven({ table, writer }: Awaited<ReturnType<typeof startTable>>) {
  const { committed } = writer;
  await eventually(() => expect(writer.committed).toBeGreaterThan(committed + 5), { timeoutMs: 20_000 });
  await writer.stop();
  await rig.expectProven({ tables: [table], timeoutMs: 45_000 });
  await rig.pool.query('delete from jobs');
}

/** Answers are hit when they tell of a commit: at the end of the transaction that writes. */
const WRITES = {
  request: /^update only/,
  'half-request': /^update only/,
  answer: /finish_embeddings/,
  'half-answer': /finish_embeddings/,
};

test.each<[Moment, Blow]>([
  ['request', 'cut'],
  ['answer', 'cut'],
  ['half-answer', 'half-close'],
  ['answer', 'freeze'],
])(
  'connections hit in their %s by a %s, in a claim, a page, a heartbeat and a write',
  async (moment, blow) => {
    const statements = [/claim_changes/, /record_page/, /renew_lease/, WRITES[moment]];
    const faults = statements.map((statement) => name.arm({ statement, moment, blow }));
    const table = await startTable();
    await eventually(() => expect(faults.map(({ strikes }) => strikes)).toEqual([1, 1, 1, 1]), {
      timeoutMs: 20_000,
    });
    await expectProven(table);
    name.strikeAll('cut');
  },
  90_000,
);

test('all connections freeze at once', async () => {
  const table = await startTable();
  expect(name.strikeAll('freeze')).toBeGreaterThan(1);
  await expectProven(table);
  name.strikeAll('cut');
}, 90_000);

test('a connection that freezes in the middle of a write keeps the rows from their writers for some seconds, and not for ever', async () => {
  const table = await startTable();
  await table.writer.stop();
  await rig.untilAtRest({ tables: [table.table] });
  const fault = name.arm({ statement: /finish_embeddings/, moment: 'request', blow: 'freeze' });
  await rig.write(`update ${table.table} set body = 'frozen ' || id where id = 1`);
  await eventually(() => expect(fault.strikes).toBe(1));
  const touch = () => rig.pool.query(`set local lock_timeout = '1s'; update ${table.table} set n = n + 1 where id = 1`);
  await expect(touch()).rejects.toThrow(/lock timeout/);
  await eventually(touch, { timeoutMs: 20_000 });
  await rig.expectProven({ tables: [table.table] });
  await rig.pool.query('delete from jobs');
}, 90_000);

test.each<Downfall>(['fast', 'immediate', 'kill'])(
  'the server goes down (%s) for longer than a lease',
  async (downfall) => {
    const table = await startTable();
    await server.stop(downfall);
    const downMs = performance.now();
    await eventually(() => expect(performance.now() - downMs).toBeGreaterThan(SHORT_LEASE.leaseMs * 1.1));
    await server.start();
    await expectProven(table);
  },
  90_000,
);

test('a daemon is frozen for longer than its lease while it computes, and goes on', async () => {
  const table = await startTable();
  await rig.write(`update ${table.table} set body = '!sleep:1500 ' || body where id % 4 = 0`);
  const [first] = daemons;
  first?.kill('SIGSTOP');
  await rig.write(`update ${table.table} set body = 'meanwhile ' || id where id % 2 = 0`);
  const frozenMs = performance.now();
  await eventually(() => expect(performance.now() - frozenMs).toBeGreaterThan(SHORT_LEASE.leaseMs * 2));
  first?.kill('SIGCONT');
  await expectProven(table);
}, 90_000);

test('a standby takes over', async () => {
  const table = await startTable();
  const standby = await startStandby(server);
  const { committed } = table.writer;
  await eventually(() => expect(table.writer.committed).toBeGreaterThan(committed + 5), { timeoutMs: 20_000 });
  await server.stop('kill');
  name.pointAt(standby.port);
  calm.pointAt(standby.port);
  await promote(standby);
  await expectProven(table);
  const old = server;
  server = standby;
  await old[Symbol.asyncDispose]();
}, 120_000);

test('no daemon runs while rows change', async () => {
  const table = await startTable();
  for (const daemon of daemons) daemon.kill('SIGKILL');
  await Promise.all(daemons.map(({ exited }) => exited));
  const { committed } = table.writer;
  await eventually(() => expect(table.writer.committed).toBeGreaterThan(committed + 50), { timeoutMs: 20_000 });
  daemons = await Promise.all([spawn(), spawn()]);
  await expectProven(table);
}, 90_000);
