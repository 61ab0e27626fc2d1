import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { withClient } from '../support/admin.ts';
import { createTestDatabase } from '../support/database.ts';

test('a test database has the schema, an empty one has nothing', async () => {
  await using migrated = await createTestDatabase();
  await using empty = await createTestDatabase({ migrated: false });
  const hasSchema = `select exists (select from pg_namespace where nspname = 'lamplighter') as answer`;
  expect((await migrated.pool.query(hasSchema)).rows).toEqual([{ answer: true }]);
  expect((await empty.pool.query(hasSchema)).rows).toEqual([{ answer: false }]);
});

test('a role logs in under a name of its own and is gone with the database', async () => {
  const names: string[] = [];
  {
    await using first = await createTestDatabase();
    await using second = await createTestDatabase();
    for (const database of [first, second]) {
      const { name, uri } = await database.createRole('a');
      names.push(name);
      const { rows } = await withClient(uri, (client) => client.query('select current_user::text as who'));
      expect(rows).toEqual([{ who: name }]);
    }
    expect(names[0]).not.toBe(names[1]);
  }
  const { rows } = await withClient(inject('serverUri'), (admin) =>
    admin.query('select rolname from pg_roles where rolname = any($1)', [names]),
  );
  expect(rows).toEqual([]);
});

test('a connection that a test leaves open fails that test', async () => {
  const database = await createTestDatabase();
  const leaked = new pg.Client({ connectionString: database.uri, application_name: 'forgotten' });
  leaked.on('error', () => undefined);
  await leaked.connect();
  await expect(database[Symbol.asyncDispose]()).rejects.toThrow(/left connections open: forgotten/);
});
