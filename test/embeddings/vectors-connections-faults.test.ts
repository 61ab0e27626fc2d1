import { expect, test } from 'vitest';
import type { Blow, Moment } from '../faults/support/fault-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { setUpOutages } from './outage-scene.ts';

const scene = setUpOutages();

/** Answers are hit when they tell of a commit: at the end of the transaction that writes. */
const WRITES = {
  request: /update only/,
  'half-request': /update only/,
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
    const { name, startTable, expectProven } = scene();
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
  const { name, startTable, expectProven } = scene();
  const table = await startTable();
  expect(name.strikeAll('freeze')).toBeGreaterThan(1);
  await expectProven(table);
  name.strikeAll('cut');
}, 90_000);

test('a connection that freezes in the middle of a write keeps the rows from their writers for some seconds, and not for ever', async () => {
  const { rig, name, startTable } = scene();
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
