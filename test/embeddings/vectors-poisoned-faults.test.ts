import { expect, test } from 'vitest';
import { openDaemonSlot } from '../storm/daemon-slot.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createVectorRig } from './vector-rig.ts';

test('a text that kills each daemon that embeds it is found, and left alone; the others have their vectors', async () => {
  await using db = await createTestDatabase();
  await using rig = await createVectorRig(db);
  await rig.addTable('poisoned', 8);
  await rig.write(`update poisoned set body = '!die' where id = 5`);
  const slot = openDaemonSlot(() => rig.spawn({ leaseMs: 1_000, heartbeatMs: 200 }));
  try {
    await eventually(
      async () => {
        const { rows } = await rig.pool.query(
          'select f.key, f.is_final, f.error from lamplighter.embedding_failures as f',
        );
        expect(rows).toEqual([
          { key: '{5}', is_final: true, error: 'The daemon died each time it embedded this row alone' },
        ]);
      },
      { timeoutMs: 120_000, intervalMs: 100 },
    );
    await rig.expectProven();
    const { starts } = slot;
    await rig.write(`update poisoned set body = 'harmless' where id = 5`);
    await rig.expectProven();
    expect(slot.starts).toBe(starts);
  } finally {
    await slot.close();
  }
}, 240_000);

test('and rows of another job that were being embedded beside it are not charged, however slow they are', async () => {
  await using db = await createTestDatabase();
  await using rig = await createVectorRig(db);
  await rig.addTable('poisoned', 4);
  await rig.addTable('beside', 0);
  await rig.write(`insert into beside (id, body) select n, '!sleep:700 beside ' || n from generate_series(1, 6) as n`);
  await rig.write(`update poisoned set body = '!die' where id = 2`);
  const slot = openDaemonSlot(() =>
    rig.spawn({ leaseMs: 1_000, heartbeatMs: 200, queueSize: 4, provider: { maxBatch: 1 } }),
  );
  try {
    await eventually(
      async () => {
        const { rows } = await rig.pool.query('select f.key, f.is_final from lamplighter.embedding_failures as f');
        expect(rows).toEqual([{ key: '{2}', is_final: true }]);
      },
      { timeoutMs: 90_000, intervalMs: 100 },
    );
    await rig.expectProven();
    const { rows } = await rig.pool.query('select f.key from lamplighter.embedding_failures as f');
    expect(rows).toEqual([{ key: '{2}' }]);
  } finally {
    await slot.close();
  }
}, 200_000);
