import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { findChunkFaults } from '../support/check-chunks.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openSession } from '../support/sql-session.ts';
import { addJob, DOCUMENTED_TABLE, spawnDaemon } from '../support/test-daemon.ts';

const LEASE = { leaseMs: 2_000, heartbeatMs: 200 };
const PATIENCE = { timeoutMs: 40_000 };
const SIZE = 16;
vi.setConfig({ testTimeout: 120_000 });

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query(
    `alter table jobs add dst_table text, add chunk_size integer;
     create table books (id integer primary key, body text)`,
  );
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
});

/** A text of so many sentences, each of which tells of which version it is. */
const textOf = (version: string, sentences = 12, step = '') =>
  Array.from({ length: sentences }, (_, at) => `Part ${at} of version ${version} is here${step}.`).join(' ');
const write = (id: number, body: string) =>
  db.pool.query('insert into books values ($1, $2) on conflict (id) do update set body = excluded.body', [id, body]);
const expectNoFaults = () =>
  eventually(
    async () => expect(await findChunkFaults(db, { table: 'books', chunks: 'pages', size: SIZE })).toEqual([]),
    PATIENCE,
  );
const job = () => addJob(db, { table: 'books', dst_table: 'pages', chunk_size: SIZE });
const isHeld = () =>
  eventually(async () => {
    const { rows } = await db.pool.query('select holder is not null as held from lamplighter.embedding_batch');
    expect(rows).toEqual([{ held: true }]);
  }, PATIENCE);
/** The versions that the chunks of documents are of; more than one for a document is a mix. */
const versions = async () => {
  const { rows } = await db.pool.query<{ id: number; found: string[] }>(
    `select id, array_agg(distinct substring(chunk from 'version (\\w+)')) filter (where chunk ~ 'version \\w+') as found from pages group by id order by id`,
  );
  return rows;
};
/** Lets each write of the third chunk of a document take its time, while `slow` has a row. */
const slowDown = (seconds: number) =>
  db.pool.query(
    `create table slow (); insert into slow default values;
     create function wait() returns trigger language plpgsql as $$
       begin if new.chunk_no = 2 and exists (select from slow) then perform pg_sleep(${seconds}); end if; return new; end $$;
     create trigger waits before insert or update on pages for each row execute function wait()`,
  );
const isReplacing = () =>
  eventually(async () => {
    const { rows } = await db.pool.query(
      `select from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()`,
    );
    expect(rows).toHaveLength(1);
  }, PATIENCE);

describe('after kill -9 the documents have their old chunks or their new ones, and then the new ones', () => {
  test('in the middle of the first fill', async () => {
    for (let id = 1; id <= 30; id += 1) await write(id, textOf(`a${id}`, 12, ' !sleep:10'));
    await job();
    const first = await spawnDaemon({ uri: db.uri, ...LEASE, batchRows: 4 });
    await eventually(async () => expect((await versions()).length).toBeGreaterThan(3), PATIENCE);
    first.kill('SIGKILL');
    await first.exited;
    await write(1, textOf('b1'));
    await db.pool.query('delete from books where id = 2');
    await db.pool.query('update books set body = null where id = 3');
    await using _second = await spawnDaemon({ uri: db.uri, ...LEASE, batchRows: 4 });
    await expectNoFaults();
  });

  test('while a document is being embedded', async () => {
    await write(1, textOf('old'));
    await job();
    const first = await spawnDaemon({ uri: db.uri, ...LEASE });
    await expectNoFaults();
    await write(1, `${textOf('new', 20)} And now !sleep:60000 a while.`);
    await isHeld();
    first.kill('SIGKILL');
    await first.exited;
    expect(await versions()).toEqual([{ id: 1, found: ['old'] }]);
    await write(1, textOf('newest', 20));
    await using _second = await spawnDaemon({ uri: db.uri, ...LEASE });
    await expectNoFaults();
  });

  test('while its chunks are being replaced', async () => {
    await write(1, textOf('old'));
    await job();
    const first = await spawnDaemon({ uri: db.uri, ...LEASE });
    await expectNoFaults();
    await slowDown(3);
    await write(1, textOf('new', 20));
    await isReplacing();
    first.kill('SIGKILL');
    await first.exited;
    expect(await versions()).toEqual([{ id: 1, found: ['old'] }]);
    await db.pool.query('delete from slow');
    await using _second = await spawnDaemon({ uri: db.uri, ...LEASE });
    await expectNoFaults();
    expect(await versions()).toEqual([{ id: 1, found: ['new'] }]);
  });
});

test('while chunks are being replaced, who writes the text does not wait, and who deletes the row waits for the end of it', async () => {
  await write(1, textOf('old'));
  await write(2, textOf('old'));
  await job();
  await using _daemon = await spawnDaemon({ uri: db.uri, ...LEASE });
  await expectNoFaults();
  await slowDown(2);
  await write(1, textOf('new'));
  await isReplacing();
  await using writer = await openSession(db.uri);
  await writer.client.query(`set lock_timeout = '200ms'`);
  await writer.client.query('update books set body = $1 where id = 1', [textOf('newer')]);
  await writer.client.query('reset lock_timeout; delete from books where id = 1');
  await db.pool.query('delete from slow');
  await expectNoFaults();
  expect((await versions()).map(({ id }) => id)).toEqual([2]);
});

test('two daemons, many writers: no reader ever sees a mix, no statement fails, and in the end all is there', async () => {
  for (let id = 1; id <= 8; id += 1) await write(id, textOf('v0'));
  await job();
  await using first = await spawnDaemon({ uri: db.uri, ...LEASE, batchRows: 3 });
  await using second = await spawnDaemon({ uri: db.uri, ...LEASE, batchRows: 3 });
  await expectNoFaults();
  let isDone = false;
  const mixes: unknown[] = [];
  const reader = (async () => {
    while (!isDone) mixes.push(...(await versions()).filter(({ found }) => found.length > 1));
  })();
  const writer = async (session: number) => {
    for (let turn = 1; turn <= 25; turn += 1) {
      const id = ((session * 3 + turn) % 8) + 1;
      const body = textOf(`s${session}t${turn}`, 4 + ((turn * 5) % 12));
      if (turn % 9 === 0) await db.pool.query('delete from books where id = $1', [id]);
      else if (turn % 7 === 0) await db.pool.query('update books set body = null where id = $1', [id]);
      else if (turn % 5 === 0) {
        await db.pool.query('update books set id = $2 where id = $1 and not exists (select from books where id = $2)', [
          id,
          100 * session + turn,
        ]);
      } else await write(id, body);
    }
  };
  await Promise.all([1, 2, 3, 4].map(writer));
  await expectNoFaults();
  isDone = true;
  await reader;
  expect(mixes).toEqual([]);
  for (const each of [first, second]) expect(each.output()).not.toMatch(/"level":"(error|fatal)"/);
});
