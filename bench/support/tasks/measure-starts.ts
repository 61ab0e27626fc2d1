import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import type { TaskGround } from './task-ground.ts';

const WARM_UP = 5;
const PAUSE_MS = 150;

/** By the clock of the server, in ms: from just before the commit that queues a task of the first role to its first statement. */
export async function measureStarts(
  { callerOf, roles, queue, untilEnded, pool }: TaskGround,
  count: number,
): Promise<number[]> {
  const [role = ''] = roles;
  const caller = await callerOf(role);
  const values: number[] = [];
  for (let n = 0; n < count + WARM_UP; n += 1) {
    await sleep(PAUSE_MS);
    await caller.query('begin');
    const jobid = await queue(role, `insert into started values (${n}, clock_timestamp())`);
    const { rows: times } = await caller.query<{ ms: number }>(
      'select extract(epoch from clock_timestamp())::float8 * 1000 as ms',
    );
    await caller.query('commit');
    await untilEnded(jobid);
    const { rows: found } = await pool.query<{ ms: number }>(
      'delete from started where n = $1 returning extract(epoch from at)::float8 * 1000 as ms',
      [n],
    );
    if (n >= WARM_UP) values.push((found[0]?.ms ?? Number.NaN) - (times[0]?.ms ?? Number.NaN));
  }
  return values;
}

/** The same while the worker has more to do of the second role than it can. */
export async function measureBusyStarts(ground: TaskGround, count: number): Promise<number[]> {
  const [, crowd = ''] = ground.roles;
  const over = new AbortController();
  const keepBusy = async () => {
    while (!over.signal.aborted) {
      const { rows } = await ground.pool.query<{ queued: string }>(
        `select count(*) as queued from lamplighter.task_run where state = 'queued'`,
      );
      if (Number(rows[0]?.queued) < 50) await ground.queue(crowd, 'select 1', 100);
      await sleep(100);
    }
  };
  const busy = keepBusy();
  try {
    return await measureStarts(ground, count);
  } finally {
    over.abort();
    await busy;
    await (await ground.callerOf(crowd)).query('select lantern.cancel_all_async_tasks()');
    await ground.untilNoneIsLeft();
  }
}

/** From the call to the recorded end, in ms, on an idle worker. */
export async function measureWholeTasks({ roles, queue, untilEnded }: TaskGround, count: number): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < count; n += 1) {
    await sleep(PAUSE_MS);
    const startedMs = performance.now();
    await untilEnded(await queue(roles[0] ?? '', 'select 1'));
    values.push(performance.now() - startedMs);
  }
  return values;
}

/** A login, the text and the end of the session, in ms. */
export async function measureSessions({ roles, uriOf }: TaskGround, count: number): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const startedMs = performance.now();
    await runInSession(uriOf(roles[0] ?? ''));
    values.push(performance.now() - startedMs);
  }
  return values;
}

/** What psql takes for the same, in ms; none where there is no psql. */
export async function measurePsql({ roles, uriOf }: TaskGround, count: number): Promise<number[]> {
  const run = () => promisify(execFile)('psql', ['-X', '-q', '-c', 'select 1', uriOf(roles[0] ?? '')]);
  const values: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const startedMs = performance.now();
    try {
      await run();
    } catch {
      return [];
    }
    values.push(performance.now() - startedMs);
  }
  return values;
}

/** So many texts by hand, four at a time, each in a session of its own: how many a second. */
export async function measureSessionsPerSecond({ roles, uriOf }: TaskGround, count: number): Promise<number> {
  let left = count;
  const startedMs = performance.now();
  const work = async () => {
    for (; left > 0; ) {
      left -= 1;
      await runInSession(uriOf(roles[0] ?? ''));
    }
  };
  await Promise.all([work(), work(), work(), work()]);
  return (count * 1_000) / (performance.now() - startedMs);
}

async function runInSession(uri: string): Promise<void> {
  const client = new pg.Client(uri);
  await client.connect();
  await client.query('select 1');
  await client.end();
}
