import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createVectorRig } from '../embeddings/vector-rig.ts';
import { startFaultProxy } from '../faults/support/fault-proxy.ts';
import { startFaultServer } from '../faults/support/fault-server.ts';
import { openDaemonSlot } from './daemon-slot.ts';
import { healVectors, planVectorFaults, VECTOR_FAULTS, type VectorStage } from './vector-faults.ts';

/** As in storm.test.ts: how long the storms of a run last together, and the seed of the first of them. */
const seconds = Number(process.env['LAMPLIGHTER_STORM_SECONDS'] ?? 8);
const seed = Number(process.env['LAMPLIGHTER_STORM_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const LONGEST_ROUND_S = 30;
const REST_MS = 100_000;
const seeds = Array.from({ length: Math.ceil(seconds / LONGEST_ROUND_S) }, (_, n) => seed + n);
/** A frozen daemon is thought dead, and another takes over, several times in a storm. */
const DAEMON = { leaseMs: 2_000, heartbeatMs: 300, batchRows: 15, provider: { maxBatch: 4, maxConcurrency: 2 } };
const ROWS = 40;

let stage: VectorStage & { readonly close: () => Promise<void> };
beforeAll(async () => {
  const server = await startFaultServer({ max_prepared_transactions: '10' });
  const proxy = await startFaultProxy(server.port);
  const calm = await startFaultProxy(server.port);
  const { uri } = await server.createDatabase();
  const rig = await createVectorRig({ uri: calm.through(uri) });
  const slots = [0, 1].map(() => openDaemonSlot(() => rig.spawn({ uri: proxy.through(uri), ...DAEMON })));
  stage = {
    server,
    proxy,
    calm,
    rig,
    slots,
    async close() {
      await Promise.all(slots.map((slot) => slot.close()));
      await rig[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
      await calm[Symbol.asyncDispose]();
      await stage.server[Symbol.asyncDispose]();
    },
  };
}, 60_000);
afterAll(() => stage?.close(), 60_000);

test.each(seeds)(
  'a storm with seed %i over tables, writers and daemons leaves no vector missing, stale or wrong',
  async (roundSeed) => {
    const { rig } = stage;
    const lasts = Math.min(seconds, LONGEST_ROUND_S);
    const tables = [`first_${roundSeed}`, `second_${roundSeed}`];
    for (const table of tables) await rig.addTable(table, ROWS);
    const writers = tables.flatMap((table, at) => [
      rig.startWriter(table, roundSeed + at, { badShare: 0.03 }),
      rig.startWriter(table, roundSeed + 10 + at, { isolation: at === 0 ? 'repeatable read' : 'serializable' }),
    ]);
    const log: string[] = [];
    const over = new AbortController();
    const startedMs = performance.now();
    const elapsedMs = () => Math.round(performance.now() - startedMs);
    const struck: Promise<void>[] = [];
    for (const fault of planVectorFaults(roundSeed, lasts, tables)) {
      await delay(Math.max(0, fault.atMs - elapsedMs()));
      const note = (what: string) => log.push(`${elapsedMs()} ms: ${fault.kind} ${what}`);
      note(`(${fault.table}, lot ${fault.lot}, ${fault.lastsMs} ms)`);
      struck.push(
        VECTOR_FAULTS[fault.kind](stage, fault, over.signal).catch(
          (error: unknown) => void note(`did not work: ${error}`),
        ),
      );
    }
    await delay(Math.max(0, lasts * 1_000 - elapsedMs()));
    over.abort();
    await Promise.all(struck);
    await Promise.all(writers.map((writer) => writer.stop()));
    await healVectors(stage, tables);
    const committed = writers.map((writer) => writer.committed);
    if (seeds.length > 1)
      process.stdout.write(`${JSON.stringify({ seed: roundSeed, committed, faults: log.length })}\n`);
    expect(Math.min(...committed)).toBeGreaterThan(5);
    try {
      await rig.expectProven({ tables, isUnseen: true, timeoutMs: REST_MS });
    } catch (error) {
      process.stdout.write(`${log.join('\n')}\nnpm run test:storm -- --minutes 0.5 --seed ${roundSeed} storm\n`);
      throw error;
    }
    await rig.pool.query(`delete from jobs where "table" = any ($1)`, [tables]);
  },
  (LONGEST_ROUND_S + 60) * 1_000 + REST_MS,
);
