import { expect, test } from 'vitest';
import { type Moment, startFaultProxy } from '../faults/support/fault-proxy.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createVectorRig } from './vector-rig.ts';

/** What a daemon does in the life of a job, and the statement in which it is killed: before the server has seen it, or was told of its end. */
const STEPS: readonly (readonly [step: string, statement: RegExp, ...moments: Moment[]])[] = [
  ['registers the job', /register_embedding_job/, 'answer'],
  ['adds the trigger', /create trigger/, 'answer'],
  ['takes the passes', /claim_embedding_job/, 'answer'],
  ['begins a pass', /claim_pass/, 'answer'],
  ['records a page of the pass', /record_page/, 'request', 'answer'],
  ['claims changes', /claim_changes/, 'request', 'answer'],
  ['begins to write', /require_batch/, 'request'],
  ['writes vectors', /update only/, 'request', 'answer'],
  ['records what it has written', /finish_embeddings/, 'request', 'answer'],
  ['renews its lease', /renew_lease/, 'answer'],
];
const cases = STEPS.flatMap(([step, statement, ...moments], at) =>
  moments.map((moment) => ({ step, statement, moment, table: `${moment}_${at}` })),
);

// Several at a time, each in a database of its own: they wait for the lease of the one that was killed.
test.concurrent.each(cases)(
  'killed when it $step, in the $moment: no vector is missing, stale or wrong',
  async ({ statement, moment, table }) => {
    await using db = await createTestDatabase();
    await using proxy = await startFaultProxy(Number(new URL(db.uri).port));
    await using rig = await createVectorRig(db);
    const start = () => rig.spawn({ uri: proxy.through(db.uri) });
    await using killed = await start();
    const fault = proxy.arm({ statement, moment, blow: 'hold' });
    await rig.addTable(table, 60);
    const writer = rig.startWriter(table, cases.length + table.length, { pauseMs: 30 });
    await eventually(() => expect(fault.strikes).toBe(1), { timeoutMs: 20_000 });
    killed.kill('SIGKILL');
    await killed.exited;
    fault.disarm();
    await writer.stop();
    await using _ = await start();
    await rig.expectProven({ tables: [table] });
  },
  120_000,
);

test.concurrent('killed while the model computes: the texts are embedded as they are in the end', async () => {
  await using db = await createTestDatabase();
  await using rig = await createVectorRig(db);
  await using killed = await rig.spawn();
  await rig.addTable('computing', 5);
  await rig.untilAtRest({ tables: ['computing'] });
  await rig.write(`update computing set body = '!sleep:60000 ' || id where id < 4`);
  await eventually(async () => {
    const { rows } = await rig.pool.query('select from lamplighter.embedding_batch where holder is not null');
    expect(rows).toHaveLength(1);
  });
  await rig.write(`update computing set body = 'quick ' || id where id < 3; delete from computing where id = 3`);
  killed.kill('SIGKILL');
  await killed.exited;
  await using _ = await rig.spawn();
  await rig.expectProven({ tables: ['computing'] });
}, 90_000);
