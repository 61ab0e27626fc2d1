/**
 * What capture costs the statements of users: the same table with and without the trigger of an embedding job, in turns. Bulk INSERT,
 * unrelated UPDATE (another column) and relevant UPDATE (the text) of all rows with texts of 100 bytes, one-row transactions that are
 * unrelated, beside those of tables whose trigger is never called or does nothing, an unrelated UPDATE of rows with texts of 1 MB, and a bulk INSERT of rows whose keys are no neighbours (uuid). Commits do not wait for the disk. Statements are measured in CPU time of
 * the server where that can be read, as others may use the machine; else by the clock.
 *
 * Targets, in microseconds a row more than without: bulk INSERT 5, unrelated UPDATE 2, relevant UPDATE 7; 97 % of the one-row transactions.
 *
 * usage: tsx bench/capture.ts [--rounds 7] [--requests 20000 (rows)] [--quick] [--save]
 */

import pg from 'pg';
import { connectClient } from '../src/db/connection/connect-client.ts';
import { resolveConnection } from '../src/db/connection/connection-settings.ts';
import { migrate } from '../src/db/migrate/migrate.ts';
import { createPool } from '../src/db/pool.ts';
import { prepareJob } from '../src/embeddings/prepare-job.ts';
import { readBenchOptions } from './support/bench-options.ts';
import { startBenchServer } from './support/bench-server.ts';
import { monotonicMs } from './support/monotonic-ms.ts';
import { atLeast, atMost, publish } from './support/report.ts';
import { median, round3 } from './support/statistics.ts';

const options = readBenchOptions({ full: { rounds: 7, requests: 20_000 }, quick: { rounds: 1, requests: 2_000 } });
const rows = options.requests;
const largeRows = 20;
const largeTimes = 25;
const single = Math.min(rows, 4_000);
/** One-row transactions on a table before it is the other one's turn. */
const TURN = 100;

const TABLES = ['bare', 'captured'] as const;
/** What any trigger for each row costs a transaction: one whose condition is false, and one whose function returns at once. */
const FLOORS = { uncalled: 'when (false) ', empty: '' };
const SINGLES = [...TABLES, 'uncalled', 'empty'] as const;
const STATEMENTS = [
  {
    name: 'bulk INSERT',
    of: rows,
    text: (table: string) =>
      `insert into ${table} select n, 0, repeat(md5(n::text), 3) from generate_series(1, ${rows}) as n`,
  },
  { name: 'unrelated UPDATE', of: rows, text: (table: string) => `update ${table} set n = n + 1` },
  { name: 'relevant UPDATE', of: rows, text: (table: string) => `update ${table} set body = body || '.'` },
  {
    name: 'bulk INSERT, keys of uuid',
    of: rows,
    text: (table: string) =>
      `insert into ${table}_uuid select md5(n::text)::uuid, 0, repeat(md5(n::text), 3) from generate_series(1, ${rows}) as n`,
  },
  {
    name: 'unrelated UPDATE, texts of 1 MB',
    of: largeRows * largeTimes,
    text: (table: string) => `update ${table}_large set n = n + 1;`.repeat(largeTimes),
  },
] as const;

await using server = await startBenchServer();
const uri = await server.createDatabase('bench_capture');
const settings = resolveConnection({ uri }, {});
const session = await connectClient(settings);
await migrate(session);
await session.end();

const client = new pg.Client({ connectionString: uri });
await client.connect();
await client.query('set synchronous_commit = off');
for (const table of TABLES) {
  await client.query(
    `create table ${table} (id int primary key, n int, body text, vec real[]);
     create table ${table}_uuid (id uuid primary key, n int, body text, vec real[]);
     create table ${table}_large (id int primary key, n int, body text, vec real[]);
     alter table ${table}_large alter body set storage external;
     insert into ${table}_large select n, 0, repeat(md5(n::text), 31250) from generate_series(1, ${largeRows}) as n`,
  );
}
await client.query(
  `create function empty() returns trigger language plpgsql security definer as 'begin return new; end'`,
);
for (const [table, condition] of Object.entries(FLOORS)) {
  await client.query(
    `create table ${table} (like bare including all);
     insert into ${table} select n, 0, repeat(md5(n::text), 3) from generate_series(1, ${rows}) as n;
     create trigger empty after insert or update on ${table} for each row ${condition}execute function empty()`,
  );
}
const pool = createPool(settings);
for (const table of ['captured', 'captured_uuid', 'captured_large']) {
  await prepareJob(pool, {
    controlId: 'bench',
    jobId: table,
    schema: 'public',
    table,
    srcColumn: 'body',
    dstColumn: 'vec',
    model: 'none',
    dimensions: 3,
    trustedOwners: [],
  });
}
await pool.end();

const taken = new Map<string, number[]>();
const note = (key: string, value: number) => taken.set(key, [...(taken.get(key) ?? []), value]);
async function timed(work: () => Promise<unknown>): Promise<{ readonly ms: number; readonly cpuMs: number }> {
  const before = await server.cpuSeconds();
  const startMs = monotonicMs();
  await work();
  const ms = monotonicMs() - startMs;
  const after = await server.cpuSeconds();
  return { ms, cpuMs: before === undefined || after === undefined ? ms : (after - before) * 1_000 };
}

for (let round = 0; round <= options.rounds; round += 1) {
  await client.query(`truncate bare, captured, bare_uuid, captured_uuid; truncate lamplighter.change`);
  for (const { name, of, text } of STATEMENTS) {
    for (const table of round % 2 === 0 ? TABLES : [...TABLES].reverse()) {
      const { cpuMs } = await timed(() => client.query(text(table)));
      // The first round only warms up.
      if (round > 0) note(`${name} ${table}`, (cpuMs * 1_000) / of);
    }
  }
  // In short turns, as others may use the machine.
  for (let from = 1; from <= single; from += TURN) {
    for (const table of (from / TURN) % 2 < 1 ? SINGLES : [...SINGLES].reverse()) {
      const startMs = monotonicMs();
      for (let id = from; id < from + TURN; id += 1)
        await client.query(`update ${table} set n = n + 1 where id = ${id}`);
      if (round > 0) note(`single ${table}`, TURN / ((monotonicMs() - startMs) / 1_000));
    }
  }
}
await client.end();

const of = (key: string) => taken.get(key) ?? [];
const more = (name: string) =>
  round3(median(of(`${name} captured`).map((value, at) => value - (of(`${name} bare`)[at] ?? Number.NaN))));
/** Of the rounds in which the bare statement took time that the server's clock shows; undefined where none did. */
function shareOf(captured: readonly number[], bare: readonly number[]): number | undefined {
  const shares = captured.map((value, at) => value / (bare[at] ?? Number.NaN)).filter(Number.isFinite);
  return shares.length === 0 ? undefined : round3(median(shares));
}
const singleOf = (table: (typeof SINGLES)[number]) => ({
  'without (us)': Math.round(median(of('single bare'))),
  'with (us)': Math.round(median(of(`single ${table}`))),
  ratio: shareOf(of(`single ${table}`), of('single bare')),
});
const share = shareOf(of('single captured'), of('single bare'));
await publish(
  {
    bench: 'capture',
    subject: `what capture adds to statements on ${rows} rows, in microseconds a row`,
    rows: [
      ...STATEMENTS.map(({ name }) => ({
        statement: name,
        'without (us)': round3(median(of(`${name} bare`))),
        'with (us)': round3(median(of(`${name} captured`))),
        'more (us)': more(name),
        ratio: shareOf(of(`${name} captured`), of(`${name} bare`)),
      })),
      { statement: 'unrelated one-row transactions (a second)', ...singleOf('captured') },
      { statement: 'the same, with an empty function (a second)', ...singleOf('empty') },
      { statement: 'the same, with a trigger that is never called (a second)', ...singleOf('uncalled') },
    ],
    verdicts: [
      atMost('bulk INSERT, us a row more', more('bulk INSERT'), 5),
      atMost('unrelated UPDATE, us a row more', more('unrelated UPDATE'), 2),
      atMost('relevant UPDATE, us a row more', more('relevant UPDATE'), 7),
      atLeast('one-row transactions, of those without', share ?? Number.NaN, 0.97),
    ],
  },
  options,
  server,
);
