import { expect, test } from 'vitest';
import { openDaemonSlot } from '../storm/daemon-slot.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createVectorRig } from './vector-rig.ts';

// Beside each other, each in a database of its own: they wait for leases.
test.concurrent('a text that kills each daemon that embeds it is found, and left alone; the others have their vectors', async () => {
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
          {
            key: '{5}',
            is_final: true,
            error: expect.stringMatching(/^The daemon died, .*, each time it embedded this row alone$/),
          },
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

test.concurrent('and rows of another job that were being embedded beside it are not charged, however slow they are', async () => {
  await using db = await createTestDatabase();
  await using rig = await createVectorRig(db);
  await rig.addTable('poisoned', 4);
  await rig.addTable('beside', 0);
  await rig.write(`insert into beside (id, body) select n, '!sleep:700 beside ' || n from generate_series(1, 6) as n`);
  await rig.write(`update poisoned set body = '!die' where id = 2`);
  const slot = openDaemonSlot(() =>
    rig.spawn({ leaseMs: 1_000, heartbeatMs: 200, batchRows: 4, provider: { maxBatch: 1 } }),
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

test.concurrent('a row that a killed daemon held and that hangs now holds up no other for longer than it is kept apart, and is not charged the next death', async () => {
  await using db = await createTestDatabase();
  await using rig = await createVectorRig(db);
  const spawn = () => rig.spawn({ leaseMs: 1_000, heartbeatMs: 200 });
  const heldOf = async (columns: string) =>
    (await rig.pool.query(`select ${columns} from lamplighter.embedding_batch where holder is not null`)).rows;
  await rig.addTable('hanging', 3);
  await rig.addTable('beside', 3);
  {
    await using killed = await spawn();
    await rig.untilAtRest();
    await rig.write(`update hanging set body = '!hang' where id = 1`);
    await eventually(async () => expect(await heldOf('deaths')).toEqual([{ deaths: 0 }]));
    killed.kill('SIGKILL');
    await killed.exited;
  }
  {
    await using killed = await spawn();
    const alone = { deaths: 1, is_isolated: true };
    await eventually(async () => expect(await heldOf('deaths, is_isolated')).toEqual([alone]), { timeoutMs: 20_000 });
    for (const table of ['hanging', 'beside']) await rig.write(`insert into ${table} (id, body) values (4, 'new')`);
    await eventually(
      async () => {
        const { rows } = await rig.pool.query(
          'select from hanging where embedding is null union all select from beside where embedding is null',
        );
        expect(rows).toEqual([]);
        expect(await heldOf('deaths, is_isolated')).toEqual([{ deaths: 1, is_isolated: false }]);
      },
      { timeoutMs: 15_000 },
    );
    killed.kill('SIGKILL');
    await killed.exited;
  }
  await using _ = await spawn();
  await eventually(async () => expect(await heldOf('deaths, lone_deaths')).toEqual([{ deaths: 2, lone_deaths: 0 }]), {
    timeoutMs: 20_000,
  });
}, 120_000);
