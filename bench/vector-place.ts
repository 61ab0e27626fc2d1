/**
 * What a vector costs the statements of users by where it stands: in the row of its text, in a table of chunks (`dst_table`), or nowhere.
 * An unrelated UPDATE of all rows, in bytes of write-ahead log and CPU of the server a row, once after a checkpoint (whole pages are
 * logged then) and once more; a count of all rows; and the size of the user's table. Texts of 100 bytes, vectors of 384 numbers.
 *
 * usage: tsx bench/vector-place.ts [--rounds 5] [--requests 20000 (rows)] [--quick] [--save]
 */

import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { addNullJob, DIMENSIONS, startNullDaemon, untilFilled } from './support/null-daemon.ts';
import { openPool } from './support/open-pool.ts';
import { atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 5, requests: 20_000 }, quick: { rounds: 1, requests: 1_000 } });
const rows = options.requests;
const PLACES = [
  { name: 'nowhere', table: 'bare' },
  { name: 'in dst_table', table: 'divided' },
  { name: 'in the row', table: 'beside' },
] as const;

await using server = await startBenchServer({ autovacuum: 'off' });
const uri = await server.createDatabase('vector_place');
const db = openPool(uri, 4);
for (const { table } of PLACES) {
  await db.query(`create table ${table} (id integer primary key, n integer not null default 0, body text)`);
  await db.query(`insert into ${table} select n, 0, repeat(md5(n::text), 3) from generate_series(1, $1::int) as n`, [
    rows,
  ]);
}
const daemon = await startNullDaemon(db, uri);
await addNullJob(db, 'beside');
await addNullJob(db, 'divided', 'chunks');
await untilFilled(db, ['beside', 'divided']);
await daemon.stop();

const figures = new Map<string, number[]>();
const note = (table: string, what: string, value: number) => {
  const key = `${table} ${what}`;
  figures.set(key, [...(figures.get(key) ?? []), value]);
};
const figure = (table: string, what: string) => round3(median(figures.get(`${table} ${what}`) ?? []));

for (let round = 0; round <= options.rounds; round += 1) {
  for (const { table } of round % 2 === 0 ? PLACES : [...PLACES].reverse()) {
    await db.query(`vacuum full ${table}`);
    const size = await db.query<{ bytes: string }>(`select pg_table_size($1) as bytes`, [table]);
    await server.checkpoint();
    for (const when of ['first', 'again']) {
      const [walBefore, cpuBefore] = [await server.walBytes(), await server.cpuSeconds()];
      await db.query(`update ${table} set n = n + 1`);
      const [wal, cpu] = [await server.walBytes(), await server.cpuSeconds()];
      // The first round only warms up.
      if (round === 0) continue;
      note(table, `wal ${when}`, (wal - walBefore) / rows);
      if (cpu !== undefined && cpuBefore !== undefined) note(table, 'cpu', ((cpu - cpuBefore) / rows) * 1e6);
    }
    const countBefore = await server.cpuSeconds();
    for (let time = 0; time < 10; time += 1) await db.query(`select count(*) from ${table}`);
    const countAfter = await server.cpuSeconds();
    if (round > 0) note(table, 'size', Number(size.rows[0]?.bytes) / rows);
    if (round > 0 && countBefore !== undefined && countAfter !== undefined) {
      note(table, 'count', ((countAfter - countBefore) / 10 / rows) * 1e6);
    }
  }
}
await db.end();

await publish(
  {
    bench: 'vector-place',
    subject: `unrelated statements on ${rows} rows by where the vector of ${DIMENSIONS} numbers stands, for each row`,
    rows: PLACES.map(({ name, table }) => ({
      vector: name,
      'table bytes': Math.round(figure(table, 'size')),
      'WAL bytes after a checkpoint': Math.round(figure(table, 'wal first')),
      'WAL bytes': Math.round(figure(table, 'wal again')),
      'CPU us of UPDATE': figure(table, 'cpu'),
      'CPU us of count(*)': figure(table, 'count'),
    })),
    verdicts: [
      atMost(
        'WAL of an unrelated UPDATE with dst_table, of that without vectors',
        round3(figure('divided', 'wal again') / figure('bare', 'wal again')),
        1.05,
      ),
    ],
  },
  options,
  server,
);
