/**
 * What idle workers cost the database: statements, logins and server CPU a second, by the number of workers. All workers run in this
 * process, with a model that is nothing, and nothing is queued.
 *
 * usage: tsx bench/idle.ts [--rounds 1] [--quick] [--save]; --requests is the number of seconds measured
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { createWorker } from '../src/worker/create-worker.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { openPool, startBenchServer } from './support/bench-server.ts';
import { contenderNamed } from './support/contenders/registry.ts';
import { createNullProvider, NULL_MODEL } from './support/null-provider.ts';
import { publish } from './support/report.ts';
import { round3 } from './support/statistics.ts';

/** Until the pauses of a worker that has just started have grown as long as they get. */
const SETTLE_MS = 25_000;

const options = readBenchOptions({ full: { rounds: 1, requests: 20 }, quick: { rounds: 1, requests: 5 } });
const COUNTS = options.isQuick ? [1, 2, 10] : [1, 2, 10, 50];
await using server = await startBenchServer({ max_connections: '400' });
const rows = [];
for (const count of COUNTS) rows.push(await measure(count));
await publish({ bench: 'idle', subject: 'idle workers, a second', rows, verdicts: [] }, options, server);

async function measure(count: number): Promise<Record<string, number>> {
  const uri = await server.createDatabase('bench_idle');
  await contenderNamed('lamplighter-batched').migrate(uri);
  const pool = openPool(uri, 1);
  const workers = [];
  try {
    for (let started = 0; started < count; started += 1) {
      workers.push(
        await createWorker({ uri, providers: [createNullProvider({ maxBatch: 32 })], generateModel: NULL_MODEL }),
      );
    }
    await sleep(SETTLE_MS);
    const before = await readFigures(pool);
    await sleep(options.requests * 1_000);
    const after = await readFigures(pool);
    const seconds = (after.ms - before.ms) / 1_000;
    return {
      workers: count,
      'transactions/s': round3((after.transactions - before.transactions) / seconds),
      'logins/s': round3((after.logins - before.logins) / seconds),
      'server ms of CPU/s': round3(((after.cpuSeconds - before.cpuSeconds) * 1_000) / seconds),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop({ isImmediate: true })));
    await pool.end();
  }
}

/** As the server counts them; a session reports within ten seconds of being idle, and its own look counts as well. */
async function readFigures(pool: pg.Pool) {
  const { rows: figures } = await pool.query<{ transactions: string; logins: string }>(
    `select pg_stat_get_db_xact_commit(d.oid) + pg_stat_get_db_xact_rollback(d.oid) as transactions,
            pg_stat_get_db_sessions(d.oid) as logins
     from pg_database as d where d.datname = current_database()`,
  );
  const [row] = figures;
  return {
    ms: performance.now(),
    transactions: Number(row?.transactions),
    logins: Number(row?.logins),
    cpuSeconds: (await server.cpuSeconds()) ?? Number.NaN,
  };
}
