/**
 * Tasks beside pg_cron, on Debian's PostgreSQL 15 with the package postgresql-15-cron; without it there is nothing to measure. From the
 * commit that queues or schedules a statement to the statement, and 1,000 short ones. pg_cron of that version begins jobs at full minutes.
 *
 * usage: tsx bench/tasks-cron.ts [--requests 1000] [--quick] [--save]
 */

import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { readBenchOptions } from './support/bench-options.ts';
import { publish, type Row } from './support/report.ts';
import { median, percentile, round3 } from './support/statistics.ts';
import { hasDebianCron, startDebianServer } from './support/tasks/debian-server.ts';
import { measureMany } from './support/tasks/measure-many.ts';
import { measureStarts } from './support/tasks/measure-starts.ts';
import { openTaskGround } from './support/tasks/task-ground.ts';

const DATABASE = 'bench_tasks';
/** What pg_cron runs at once by default. */
const CRON_AT_ONCE = 32;
const LOOK_MS = 50;

if (hasDebianCron()) await measure();
else console.log('tasks-cron: the package postgresql-15-cron is not installed, so there is nothing to compare with');

async function measure(): Promise<void> {
  const options = readBenchOptions({ full: { rounds: 1, requests: 1_000 }, quick: { rounds: 1, requests: 100 } });
  await using server = await startDebianServer(DATABASE);
  await using ground = await openTaskGround(await server.createDatabase(DATABASE), 1);
  const { pool, roles } = ground;
  await pool.query('create extension pg_cron');
  const rows: Row[] = [];
  const noteStarts = (what: string, values: readonly number[]) =>
    rows.push({
      what,
      starts: values.length,
      'p50 ms': round3(median(values)),
      'worst ms': round3(percentile(values, 1)),
    });
  const noteMany = (what: string, perSecond: number) => rows.push({ what, 'per s': round3(perSecond) });
  const many = `${options.requests.toLocaleString('en')} short ones`;

  noteStarts('pg_cron, schedule to statement', await measureCronStarts(pool, options.isQuick ? 1 : 4));
  noteMany(`pg_cron, ${many}, ${CRON_AT_ONCE} at once`, await measureCronMany(pool, options.requests));
  for (const atOnce of [4, CRON_AT_ONCE]) {
    const worker = await ground.startWorker(atOnce);
    if (atOnce === 4)
      noteStarts('Lamplighter, commit to statement', await measureStarts(ground, options.isQuick ? 5 : 30));
    const { perSecond } = await measureMany(server, ground, worker, { roles, count: options.requests });
    noteMany(`Lamplighter, ${many}, ${atOnce} at once`, perSecond);
    await worker.close();
  }
  await publish(
    {
      bench: 'tasks-cron',
      subject: 'async tasks beside pg_cron 1.4',
      rows,
      verdicts: [],
      notes: [
        'pg_cron begins jobs at full minutes, so that half a minute passes before one starts; its rate counts from the full minute. It ' +
          'runs each job again every minute until somebody unschedules it.',
      ],
    },
    options,
    server,
  );
}

/** By the clock of the server, in ms, each at another moment of its minute. */
async function measureCronStarts(pool: pg.Pool, count: number): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const { rows } = await pool.query<{ id: string; at: Date }>(
      `select cron.schedule('* * * * *', $$insert into started values (${n}, clock_timestamp())$$) as id, clock_timestamp() as at`,
    );
    await until(pool, `exists (select from started where n = ${n})`);
    const { rows: started } = await pool.query<{ at: Date }>('select min(at) as at from started where n = $1', [n]);
    await pool.query('select cron.unschedule($1::bigint)', [rows[0]?.id]);
    values.push(Number(started[0]?.at) - Number(rows[0]?.at));
    await sleep(7_000);
  }
  return values;
}

/** Jobs a second, from the full minute to the end of the last one. */
async function measureCronMany(pool: pg.Pool, count: number): Promise<number> {
  // Early in a minute, so that all are there when the next one begins.
  await until(pool, 'extract(second from clock_timestamp()) < 20');
  await pool.query('truncate cron.job_run_details');
  await pool.query(`select cron.schedule('* * * * *', 'select 1') from generate_series(1, $1::integer)`, [count]);
  await until(pool, `(select count(distinct jobid) from cron.job_run_details where status = 'succeeded') >= ${count}`);
  const { rows } = await pool.query<{ seconds: number }>(
    `select extract(epoch from max(d.end_time) - date_trunc('minute', min(d.start_time)))::float8 as seconds
     from (select distinct on (jobid) start_time, end_time from cron.job_run_details where status = 'succeeded' order by jobid, start_time) as d`,
  );
  await pool.query('select cron.unschedule(jobid) from cron.job');
  return count / (rows[0]?.seconds ?? Number.NaN);
}

async function until(pool: pg.Pool, condition: string): Promise<void> {
  const isSo = async () => (await pool.query<{ is_so: boolean }>(`select ${condition} as is_so`)).rows[0]?.is_so;
  while ((await isSo()) !== true) await sleep(LOOK_MS);
}
