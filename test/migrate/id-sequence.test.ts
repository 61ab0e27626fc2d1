import { expect, onTestFinished, test } from 'vitest';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { migrate } from '../../src/db/migrate/migrate.ts';
import { complaintsOf } from '../doctor/examine-database.ts';
import { createTestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';

test('a sequence that is behind the ids, as after logical replication, is told by doctor and mended by migrate', async () => {
  const db = await createTestDatabase();
  onTestFinished(() => db[Symbol.asyncDispose]());
  const session = await connectClient(resolveConnection({ uri: db.uri }, {}));
  onTestFinished(() => session.end());
  const broken = () => complaintsOf(db.uri, { names: ['schema', 'tables', 'functions', 'rights', 'ids'] });
  expect(await broken()).toEqual([]);

  await db.pool.query(
    `insert into steadytext_queue (id, function_name) select n, 'embed' from generate_series(1, 20) as n`,
  );
  expect((await sqlErrorOf(db.pool, `select steadytext_embed_async('x')`)).code).toBe('23505');
  expect(await broken()).toMatchObject([{ name: 'ids', state: 'broken', advice: 'As the owner: lamplighter migrate' }]);

  const mended = ['the sequence of ids was behind the highest id and goes on after 20'];
  expect((await migrate(session)).notes).toEqual(mended);
  expect((await migrate(session)).notes).toEqual([]);
  expect(await broken()).toEqual([]);
  await db.pool.query(`select steadytext_embed_async('x')`);
  expect((await db.pool.query('select max(id) as last from steadytext_queue')).rows).toEqual([{ last: '21' }]);
});
