import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultProxy, type Moment, startFaultProxy } from '../faults/support/fault-proxy.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import type { SpawnedProcess } from '../support/process.ts';
import { createVectorRig, type VectorRig } from './vector-rig.ts';

let db: TestDatabase;
let proxy: FaultProxy;
let rig: VectorRig;
let daemon: SpawnedProcess;
beforeAll(async () => {
  db = await createTestDatabase();
  proxy = await startFaultProxy(Number(new URL(db.uri).port));
  rig = await createVectorRig(db);
  daemon = await start();
}, 60_000);
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
  await rig?.[Symbol.asyncDispose]();
  await proxy?.[Symbol.asyncDispose]();
  await db?.[Symbol.asyncDispose]();
});

const start = () => rig.spawn({ uri: proxy.through(db.uri) });

/** What a daemon does in the life of a job, and the statement in which it is killed: before the server has seen it, or was told of its end. */
const STEPS: readonly (readonly [step: string, statement: RegExp, ...moments: Moment[]])[] = [
  ['registers the job', /register_embedding_job/, 'answer'],
  ['adds the trigger', /create trigger/, 'answer'],
  ['takes the passes', /claim_embedding_job/, 'answer'],
  ['begins a pass', /claim_pass/, 'answer'],
  ['records a page of the pass', /record_page/, 'request', 'answer'],
  ['claims changes', /claim_changes/, 'request', 'answer'],
  ['begins to write', /require_batch/, 'request'],
  ['writes vectors', /^update only/, 'request', 'answer'],
  ['records what it has written', /finish_embeddings/, 'request', 'answer'],
  ['renews its lease', /renew_lease/, 'answer'],
];
const cases = STEPS.flatMap(([step, statement, ...moments], at) =>
  moments.map((moment) => ({ step, statement, moment, table: `${moment}_${at}` })),
);

test.each(cases)(
  'killed when it $step, in the $moment: no vector is missing, stale or wrong',
  async ({ statement, moment, table }) => {
    const fault = proxy.arm({ statement, moment, blow: 'hold' });
    await rig.addTable(table, 60);
    const writer = rig.startWriter(table, cases.length + table.length, { pauseMs: 30 });
    await eventually(() => expect(fault.strikes).toBe(1), { timeoutMs: 20_000 });
    daemon.kill('SIGKILL');
    await daemon.exited;
    fault.disarm();
    await writer.stop();
    daemon = await start();
    await rig.expectProven({ tables: [table] });
    await rig.pool.query('delete from jobs');
  },
  120_000,
);

test('killed while the model computes: the texts are embedded as they are in the end', async () => {
  await rig.addTable('computing', 5);
  await rig.untilAtRest({ tables: ['computing'] });
  await rig.write(`update computing set body = '!sleep:60000 ' || id where id < 4`);
  await eventually(async () => {
    const { rows } = await rig.pool.query('select from lamplighter.embedding_batch where holder is not null');
    expect(rows).toHaveLength(1);
  });
  await rig.write(`update computing set body = 'quick ' || id where id < 3; delete from computing where id = 3`);
  daemon.kill('SIGKILL');
  await daemon.exited;
  daemon = await start();
  await rig.expectProven({ tables: ['computing'] });
}, 90_000);
