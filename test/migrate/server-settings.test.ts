import { describe, expect, inject, onTestFinished, test } from 'vitest';
import { startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';
import { listOwnObjects, uninstall } from '../../src/db/migrate/uninstall.ts';
import { withClient } from '../support/admin.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createOwnedDatabase, migrateAs, withSession } from '../support/owned-database.ts';
import { postgresMajorFolder } from '../support/postgres-major.ts';
import { openSession } from '../support/sql-session.ts';

const major = await withClient(inject('serverUri'), async (client) => {
  const { rows } = await client.query<{ server_version_num: string }>('show server_version_num');
  return Math.floor(Number(rows[0]?.server_version_num) / 10_000);
});
const isOld = major < 17;

const NAMES = ['steadytext.max_queue_size', 'steadytext.worker_concurrency', 'steadytext.worker_poll_interval'];

/** The product's settings in the files of the server's configuration. */
const configured = (uri: string) =>
  withClient(uri, async (client) => {
    const { rows } = await client.query<{ name: string; setting: string }>(
      `select name, setting from pg_file_settings where name like 'steadytext.%' order by name`,
    );
    return rows.map(({ name, setting }) => `${name}=${setting}`);
  });

const freshValue = (uri: string, name: string) =>
  withClient(
    uri,
    async (client) => (await client.query('select current_setting($1, true) as value', [name])).rows[0].value,
  );

// These change the configuration of the whole server, so they have one of their own.
describe.skipIf(!isOld)('before PostgreSQL 17 (skipped on later ones)', () => {
  test('a superuser makes the names known, the documented ALTER SYSTEM works, and uninstall leaves what users set', async () => {
    const packageFolder = await postgresMajorFolder(String(major));
    const server = await startEmbeddedServer({ persistent: false, settings: { fsync: 'off' }, packageFolder });
    onTestFinished(() => server.stop());
    const { uri } = server;
    await migrateAs(uri);
    expect(await configured(uri)).toEqual(NAMES.map((name) => `${name}=`));
    expect((await migrateAs(uri)).notes).toEqual([]);
    await using admin = await openSession(uri);
    await admin.client.query('ALTER SYSTEM SET steadytext.worker_concurrency = 4');
    await admin.client.query('SELECT pg_reload_conf()');
    await eventually(async () => expect(await freshValue(uri, 'steadytext.worker_concurrency')).toBe('4'));
    await withSession(uri, async (session) => uninstall(session, await listOwnObjects(session)));
    expect(await configured(uri)).toEqual(['steadytext.worker_concurrency=4']);
    await admin.client.query('ALTER SYSTEM RESET steadytext.worker_concurrency');
    await admin.client.query('SELECT pg_reload_conf()');
  });
});

describe.skipIf(isOld)('from PostgreSQL 17 on (skipped on earlier ones)', () => {
  test('the names need no announcement', async () => {
    await using db = await createTestDatabase({ migrated: false });
    expect((await migrateAs(db.uri)).notes).toEqual([]);
    expect(await configured(db.uri)).toEqual([]);
  });
});

test('a role without superuser rights announces nothing, and is told nothing', async () => {
  await using db = await createOwnedDatabase();
  expect((await migrateAs(db.owner.uri)).notes).toEqual([]);
});
