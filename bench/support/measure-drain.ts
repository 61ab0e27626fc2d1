import type pg from 'pg';
import type { BenchServer } from './bench-server.ts';
import { openPool } from './bench-server.ts';
import { type ContenderWorker, spawnContender } from './contender-worker.ts';
import type { Contender } from './contenders/contender.ts';
import { type ContenderName, contenderNamed } from './contenders/registry.ts';

/** What draining a backlog took, for each request. */
export interface Drain {
  readonly perSecond: number;
  /** Microseconds of CPU of the server and of the worker; the server's are missing when it is on another machine. */
  readonly serverUs: number | undefined;
  readonly workerUs: number;
  /** Bytes of write-ahead log of the insert, and from the claim to the recorded end. */
  readonly insertWal: number;
  readonly workWal: number;
}

export interface DrainOptions {
  /** @default false */
  readonly isKept?: boolean;
}

export interface Drainer {
  readonly uri: string;
  readonly contender: Contender;
  readonly pool: pg.Pool;
  /** Fills the queue, then has it drained. What is left of the last time is taken away before, unless it is kept. */
  drain(requests: number, options?: DrainOptions): Promise<Drain>;
  close(): Promise<void>;
}

/**
 * A contender with a database and a worker process of its own. A drain is timed from the first call of the handler to the last recorded
 * end as seen from outside, so neither start nor filling count; the first claim does not either, for any of them.
 */
export async function prepareDrainer(server: BenchServer, name: ContenderName): Promise<Drainer> {
  const contender = contenderNamed(name);
  const uri = await server.createDatabase(`bench_${name.replaceAll('-', '_')}`);
  await contender.migrate(uri);
  const pool = openPool(uri);
  const worker = await spawnContender(name, uri);
  return {
    uri,
    contender,
    pool,
    drain: (requests, options) => drain({ server, contender, pool, worker }, requests, options),
    async close() {
      await worker[Symbol.asyncDispose]();
      await pool.end();
    },
  };
}

interface Deps {
  readonly server: BenchServer;
  readonly contender: Contender;
  readonly pool: pg.Pool;
  readonly worker: ContenderWorker;
}

async function drain(
  { server, contender, pool, worker }: Deps,
  requests: number,
  { isKept = false }: DrainOptions = {},
): Promise<Drain> {
  if (!isKept) await contender.clear(pool);
  await server.checkpoint();
  const walEmpty = await server.walBytes();
  await contender.fill(pool, requests);
  const walFull = await server.walBytes();
  await pool.query(`vacuum analyze ${contender.table}`);
  const walBefore = await server.walBytes();

  const { first, all } = await worker.start(requests);
  const serverBefore = await server.cpuSeconds();
  await all;
  while (!(await contender.isDrained(pool, requests))) await new Promise((resolve) => setTimeout(resolve, 2));
  const endMs = Date.now();
  const serverAfter = await server.cpuSeconds();
  const last = await worker.usage();
  const walAfter = await server.walBytes();
  await worker.stop();

  const perRequestUs = (seconds: number) => (seconds * 1e6) / requests;
  return {
    perSecond: (requests * 1_000) / (endMs - first.atMs),
    serverUs:
      serverBefore === undefined || serverAfter === undefined ? undefined : perRequestUs(serverAfter - serverBefore),
    workerUs: perRequestUs(last.cpuSeconds - first.cpuSeconds),
    insertWal: (walFull - walEmpty) / requests,
    workWal: (walAfter - walBefore) / requests,
  };
}
