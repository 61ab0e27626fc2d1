import type pg from 'pg';
import { type BenchServer, openPool } from './bench-server.ts';
import { type Callers, spawnCallers } from './callers.ts';
import { contenderNamed } from './contenders/registry.ts';
import { spawnStub } from './spawn-stub.ts';
import { sampleWaits, type WaitShares } from './wait-events.ts';

/** Who drains what is enqueued, and how they learn of it; `naive` polls, while every enqueue notifies nonetheless. */
export type Draining = 'nobody' | 'polling' | 'waiting' | 'naive';

/** Many enqueue at once. */
export interface EnqueueBench {
  /** Requests committed a second, and what the callers waited for. */
  measure(draining: Draining, durationMs: number): Promise<{ readonly perSecond: number; readonly waits: WaitShares }>;
  close(): Promise<void>;
}

/** A database of its own with so many callers connected to it. */
export async function prepareEnqueue(server: BenchServer, callerCount: number): Promise<EnqueueBench> {
  const uri = await server.createDatabase(`bench_enqueue_${callerCount}`);
  await contenderNamed('lamplighter').migrate(uri);
  const pool = openPool(uri);
  await pool.query(`create function public.notify_naively() returns trigger language plpgsql as
    $$ begin perform pg_notify('naive', ''); return null; end $$`);
  const callers = await spawnCallers(uri, callerCount);
  return {
    measure: (draining, durationMs) => measure({ uri, pool, callers }, draining, durationMs),
    async close() {
      await callers.close();
      await pool.end();
    },
  };
}

interface Deps {
  readonly uri: string;
  readonly pool: pg.Pool;
  readonly callers: Callers;
}

async function measure({ uri, pool, callers }: Deps, draining: Draining, durationMs: number) {
  await pool.query('truncate public.steadytext_queue');
  // A stub of the round before may have left the flag up.
  await pool.query('update lamplighter.waiting set is_waiting = false');
  if (draining === 'naive') {
    await pool.query(`create trigger notify_naively after insert on public.steadytext_queue
      for each statement execute function public.notify_naively()`);
  }
  const stub = draining === 'nobody' ? undefined : await spawnStub(uri, draining === 'waiting' ? 'waiting' : 'polling');
  try {
    const sampler = await sampleWaits(uri);
    const perSecond = await callers.enqueueFor(durationMs);
    return { perSecond, waits: await sampler.stop() };
  } finally {
    await stub?.close();
    await pool.query('drop trigger if exists notify_naively on public.steadytext_queue');
  }
}
