/**
 * What a daemon costs the others in its database: transactions a second of eight sessions that read and write single rows of their own
 * table, without a daemon, beside one that has nothing to do, beside one that fills another table as fast as it goes, and beside one
 * with --max-load 0.25. In turns. On a machine of few cores the fill also takes what the sessions need of the processor.
 *
 * usage: tsx bench/neighbours.ts [--rounds 5] [--requests 8000 (milliseconds of each turn)] [--quick] [--save]
 */

import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { addNullJob, startNullDaemon, untilFilled } from './support/null-daemon.ts';
import { openPool } from './support/open-pool.ts';
import { atLeast, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 5, requests: 8_000 }, quick: { rounds: 1, requests: 500 } });
const SESSIONS = 8;
const ACCOUNTS = 10_000;
const FILL_ROWS = options.isQuick ? 2_000 : 400_000;

await using server = await startBenchServer();
const uri = await server.createDatabase('neighbours');
const db = openPool(uri, SESSIONS + 2);
await db.query('create table account (id integer primary key, balance bigint not null default 0)');
await db.query('insert into account select n from generate_series(1, $1::int) as n', [ACCOUNTS]);
await db.query('create table filled (id integer primary key, body text)');
const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => db.connect()));

async function measure(): Promise<number> {
  const endMs = monotonicMs() + options.requests;
  const startMs = monotonicMs();
  const counts = await Promise.all(
    sessions.map(async (session, at) => {
      let count = 0;
      for (; monotonicMs() < endMs; count += 1) {
        const id = ((count * 7_919 + at * 1_237) % ACCOUNTS) + 1;
        await session.query('begin');
        await session.query('update account set balance = balance + 1 where id = $1', [id]);
        await session.query('select balance from account where id = $1', [id]);
        await session.query('commit');
      }
      return count;
    }),
  );
  return (counts.reduce((sum, count) => sum + count, 0) / (monotonicMs() - startMs)) * 1_000;
}

/** A table to fill that lasts longer than a turn. */
async function fill(maxLoad: number): Promise<number> {
  await db.query('drop table if exists jobs');
  await db.query('drop table filled');
  await db.query('create table filled (id integer primary key, body text)');
  await db.query(`insert into filled select n, 'text number ' || n from generate_series(1, $1::int) as n`, [FILL_ROWS]);
  await server.checkpoint();
  const daemon = await startNullDaemon(db, uri, { maxLoad });
  try {
    await addNullJob(db, 'filled');
    for (;;) {
      const { rows } = await db.query(`select from jobs where init_started_at is not null`);
      if (rows.length > 0) break;
    }
    return await measure();
  } finally {
    await daemon.stop({ isImmediate: true });
  }
}

async function idle(): Promise<number> {
  await db.query('drop table if exists jobs');
  await db.query('create table if not exists small (id integer primary key, body text)');
  const daemon = await startNullDaemon(db, uri);
  try {
    await addNullJob(db, 'small');
    await untilFilled(db, ['small']);
    return await measure();
  } finally {
    await daemon.stop({ isImmediate: true });
  }
}

const TURNS = [
  { name: 'no daemon', run: measure },
  { name: 'a daemon with nothing to do', run: idle },
  { name: 'a daemon that fills a table, --max-load 0.25', run: () => fill(0.25) },
  { name: 'a daemon that fills a table', run: () => fill(1) },
];
const taken = new Map<string, number[]>();
for (let round = 0; round <= options.rounds; round += 1) {
  for (const { name, run } of round % 2 === 0 ? TURNS : [...TURNS].reverse()) {
    await server.checkpoint();
    const perSecond = await run();
    // The first round only warms up.
    if (round > 0) taken.set(name, [...(taken.get(name) ?? []), perSecond]);
  }
}
for (const session of sessions) session.release();
await db.end();

const alone = taken.get('no daemon') ?? [];
const shareOf = (name: string) =>
  round3(median((taken.get(name) ?? []).map((value, at) => value / (alone[at] ?? Number.NaN))));
await publish(
  {
    bench: 'neighbours',
    subject: `transactions a second of ${SESSIONS} sessions on another table`,
    rows: TURNS.map(({ name }) => ({
      beside: name,
      'transactions/s': Math.round(median(taken.get(name) ?? [])),
      'of those without': shareOf(name),
    })),
    verdicts: [
      atLeast('transactions beside a daemon with nothing to do', shareOf('a daemon with nothing to do'), 0.97),
    ],
  },
  options,
  server,
);
