import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type BenchServer, openPool } from '../bench-server.ts';
import { DIMENSIONS, type EmbeddingsServer, IS_STALE } from '../embeddings-server.ts';
import { readTreeCpu } from '../process-cpu.ts';
import type { EmbeddingContender } from './contenders.ts';

const IDLE_MS = 5_000;
const GAP_MS = 310;
const PATIENCE_MS = 300_000;

export interface Measured {
  /** From the first request to the model until the last vector is committed. */
  readonly rowsPerSecond: number;
  /** CPU of the server and of the worker for each row, in microseconds. */
  readonly serverUs: number;
  readonly workerUs: number;
  /** Shares of a core while nothing happens, in percent. */
  readonly idleServer: number;
  readonly idleWorker: number;
  /** Milliseconds from the commit of each INSERT to that of its vector. */
  readonly latenciesMs: readonly number[];
  /** After the worker was killed half-way, a third of the texts changed and a worker started: until all was right, and what never was. */
  readonly secondsUntilRight: number;
  readonly wrong: number;
}

export interface Ground {
  readonly server: BenchServer;
  readonly model: EmbeddingsServer;
  readonly rows: number;
  readonly samples: number;
}

/** Everything of one contender, in a database of its own, with a worker that runs before anything is measured. */
export async function measureContender(contender: EmbeddingContender, ground: Ground): Promise<Measured> {
  const { server, model, rows, samples } = ground;
  const uri = await server.createDatabase('bench_pgai');
  const db = openPool(uri);
  let worker: ChildProcess | undefined;
  try {
    await db.query('create extension vector');
    await contender.prepare(uri, db);
    await fillTable(db, 'live', 1);
    await contender.addTable(db, 'live');
    worker = startWorker(contender, uri);
    await untilNone(db, 'live', 'embedding is null');

    const filled = await measureBackfill(db, contender, ground, worker);
    await delay(2_000);
    const idle = await measureCpu(server, worker, () => delay(IDLE_MS));
    const latenciesMs = await measureLatency(db, samples);

    await fillTable(db, 'killed', rows);
    await model.firstMs();
    await contender.addTable(db, 'killed');
    while ((await countOf(db, 'killed', 'embedding is not null')) < rows / 4) await delay(20);
    await endWorker(worker, 'SIGKILL');
    const killedMs = Date.now();
    await db.query(`update killed set body = 'text number ' || id + 1 where id % 3 = 0`);
    worker = startWorker(contender, uri);
    const isRight = await untilNone(db, 'killed', `embedding is null or ${IS_STALE}`);
    return {
      ...filled,
      idleServer: (idle.serverSeconds / (IDLE_MS / 1_000)) * 100,
      idleWorker: (idle.workerSeconds / (IDLE_MS / 1_000)) * 100,
      latenciesMs,
      secondsUntilRight: isRight ? (Date.now() - killedMs) / 1_000 : Number.NaN,
      wrong: await countOf(db, 'killed', `embedding is null or ${IS_STALE}`),
    };
  } finally {
    if (worker !== undefined) await endWorker(worker, 'SIGKILL');
    await db.end();
  }
}

async function measureBackfill(
  db: pg.Pool,
  contender: EmbeddingContender,
  { server, model, rows }: Ground,
  worker: ChildProcess,
): Promise<Pick<Measured, 'rowsPerSecond' | 'serverUs' | 'workerUs'>> {
  await fillTable(db, 'filled', rows);
  await server.checkpoint();
  await model.firstMs();
  const cpu = await measureCpu(server, worker, async () => {
    await contender.addTable(db, 'filled');
    await untilNone(db, 'filled', 'embedding is null');
  });
  const { rows: found } = await db.query<{ ms: number }>(
    `select (extract(epoch from max(pg_xact_commit_timestamp(xmin))) * 1000)::float8 as ms from filled`,
  );
  const seconds = ((found[0]?.ms ?? Number.NaN) - ((await model.firstMs()) ?? Number.NaN)) / 1_000;
  return {
    rowsPerSecond: rows / seconds,
    serverUs: (cpu.serverSeconds / rows) * 1e6,
    workerUs: (cpu.workerSeconds / rows) * 1e6,
  };
}

/** Server's time is not a number where it cannot be read. */
async function measureCpu(server: BenchServer, worker: ChildProcess, work: () => Promise<unknown>) {
  const read = async () => [(await server.cpuSeconds()) ?? Number.NaN, await readTreeCpu(worker.pid ?? 0)] as const;
  const [serverBefore, workerBefore] = await read();
  await work();
  const [serverAfter, workerAfter] = await read();
  return { serverSeconds: serverAfter - serverBefore, workerSeconds: workerAfter - workerBefore };
}

/** By the server's own times of commits, so that nobody has to look for vectors all the time. */
async function measureLatency(db: pg.Pool, samples: number): Promise<number[]> {
  await db.query('create table sent (id int primary key)');
  for (let id = 2; id <= samples + 1; id += 1) {
    await db.query(
      `begin; insert into live values (${id}, 'text number ${id}'); insert into sent values (${id}); commit`,
    );
    await delay(GAP_MS);
  }
  await untilNone(db, 'live', 'embedding is null');
  const { rows } = await db.query<{ ms: number }>(
    `select (extract(epoch from pg_xact_commit_timestamp(l.xmin) - pg_xact_commit_timestamp(s.xmin)) * 1000)::float8 as ms
     from sent as s join live as l on l.id = s.id`,
  );
  return rows.map(({ ms }) => ms);
}

async function fillTable(db: pg.Pool, table: string, rows: number): Promise<void> {
  await db.query(`create table ${table} (id integer primary key, body text, embedding vector(${DIMENSIONS}))`);
  await db.query(`insert into ${table} select n, 'text number ' || n from generate_series(1, $1::int) as n`, [rows]);
}

async function countOf(db: pg.Pool, table: string, condition: string): Promise<number> {
  const { rows } = await db.query<{ count: number }>(`select count(*)::int as count from ${table} where ${condition}`);
  return rows[0]?.count ?? 0;
}

/** False when it took too long. */
async function untilNone(db: pg.Pool, table: string, condition: string): Promise<boolean> {
  for (const untilMs = Date.now() + PATIENCE_MS; Date.now() < untilMs; ) {
    if ((await countOf(db, table, condition)) === 0) return true;
    await delay(250);
  }
  return false;
}

function startWorker(contender: EmbeddingContender, uri: string): ChildProcess {
  const { command, env } = contender.worker(uri);
  const [file, ...args] = command;
  return spawn(file, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
}

async function endWorker(worker: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return;
  const exited = once(worker, 'exit');
  worker.kill(signal);
  await exited;
}
