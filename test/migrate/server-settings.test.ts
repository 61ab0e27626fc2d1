import { expect, inject, test } from 'vitest';
import { uninstall } from '../../src/db/migrate/uninstall.ts';
import { withClient } from '../support/admin.ts';
import { createTestDatabase } from '../support/database.ts';
import { createOwnedDatabase, migrateAs, withSession } from '../support/owned-database.ts';

const isOld = await withClient(inject('serverUri'), async (client) => {
  const { rows } = await client.query<{ version: string }>('show server_version_num');
  return Number(rows[0]?.version) < 170_000;
});

const values = (uri: string) =>
  withClient(uri, async (client) => {
    const { rows } = await client.query<{ value: string | null }>(
      `select current_setting('steadytext.' || name, true) as value
       from unnest(array['worker_concurrency', 'worker_poll_interval', 'max_queue_size']) as name`,
    );
    return rows.map(({ value }) => value);
  });

// These change the configuration of the whole server, one after the other; what other tests set is in tables.
test
  .runIf(isOld)
  .sequential(
    'before PostgreSQL 17 a superuser makes the names known, and the documented ALTER SYSTEM works',
    async () => {
      await using db = await createTestDatabase({ migrated: false });
      await withSession(db.uri, async (session) => {
        for (const name of ['worker_concurrency', 'worker_poll_interval', 'max_queue_size']) {
          await session.query(`set steadytext.${name} = ''`);
          await session.query(`alter system reset steadytext.${name}`);
        }
        await session.query('select pg_reload_conf()');
      });
      const report = await migrateAs(db.uri);
      expect(report.notes).toEqual([
        'made known to ALTER SYSTEM: steadytext.worker_concurrency, steadytext.worker_poll_interval, steadytext.max_queue_size',
      ]);
      expect((await migrateAs(db.uri)).notes).toEqual([]);
      await withClient(db.uri, async (client) => {
        await client.query('ALTER SYSTEM SET steadytext.worker_concurrency = 4');
        await client.query('SELECT pg_reload_conf()');
      });
      expect(await values(db.uri)).toEqual(['4', '', '']);
      await withSession(db.uri, (session) => uninstall(session, []));
      expect(await values(db.uri)).toEqual(['4', null, null]);
      await withClient(db.uri, (client) => client.query('ALTER SYSTEM RESET steadytext.worker_concurrency'));
    },
  );

test.runIf(!isOld)('from PostgreSQL 17 on the names need no announcement', async () => {
  await using db = await createTestDatabase({ migrated: false });
  expect((await migrateAs(db.uri)).notes).toEqual([]);
  expect(await values(db.uri)).toEqual([null, null, null]);
});

test('a role without superuser rights announces nothing, and is told nothing', async () => {
  await using db = await createOwnedDatabase();
  expect((await migrateAs(db.owner.uri)).notes).toEqual([]);
});
