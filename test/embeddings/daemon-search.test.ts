import { expect, test } from 'vitest';
import { createBuiltinProvider } from '../../src/models/builtin-provider.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openSession } from '../support/sql-session.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';
import { startTestWorker } from '../support/test-worker.ts';

test('from a table of documents to a search by their meaning, as a granted reader', async () => {
  await using db = await createTestDatabase();
  const reader = await db.createRole('reader');
  const { hostname, port, pathname, username, password } = new URL(db.uri);
  await db.pool.query(`create extension dblink; select lamplighter.grant_caller('${reader.name}')`);
  await db.pool.query('insert into lamplighter.loopback (dsn) values ($1)', [
    `host=${hostname} port=${port} dbname=${pathname.slice(1)} user=${username} password=${password}`,
  ]);
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query(
    `alter table jobs add dst_table text, add chunk_size integer;
     create table manuals (id bigint primary key, title text, body text, whole text generated always as (title || E'\\n\\n' || body) stored);
     insert into manuals values
       (1, 'Lamps', 'Wipe the lens with a soft cloth each morning. A lamp that flickers has a worn wick: trim it.'),
       (2, 'Foghorns', 'Sound the horn when the island is out of sight. Grease the valve once a month.')`,
  );
  const model = 'builtin/lexical';
  await addJob(db, {
    table: 'manuals',
    src_column: 'whole',
    dst_table: 'pieces',
    chunk_size: 16,
    embedding_model: model,
  });
  await using _daemon = await startTestDaemon({ uri: db.uri, providers: [createBuiltinProvider()] });
  await using _worker = await startTestWorker({ uri: db.uri, embedModel: model, providers: [createBuiltinProvider()] });
  await eventually(
    async () => expect((await db.pool.query('select from jobs where init_finished_at is not null')).rowCount).toBe(1),
    { timeoutMs: 30_000 },
  );
  await db.pool.query(`grant select on manuals, pieces to ${reader.name}`);
  await using session = await openSession(reader.uri);
  const { rows } = await session.client.query(
    `select m.title, s.chunk from lamplighter.search('public.pieces.embedding', 'a lamp flickers', 2) as s
     join manuals as m on m.id = (s.key->>'id')::bigint order by s.distance`,
  );
  expect(rows[0]).toEqual({ title: 'Lamps', chunk: expect.stringContaining('flickers') });
  expect(rows).toHaveLength(2);
});
