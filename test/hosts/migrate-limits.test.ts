import { expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate/migrate.ts';
import { programSchemaVersion } from '../../src/db/migrate/migration-file.ts';
import { withClient } from '../support/admin.ts';
import { eventually } from '../support/eventually.ts';
import { migrateAs, withSession } from '../support/owned-database.ts';
import { createHost } from './host-database.ts';

const isMajor17 = `(select setting::int >= 170000 from pg_settings where name = 'server_version_num')`;

test.each([
  ['statement_timeout', "alter role OWNER set statement_timeout = '100ms'"],
  ['lock_timeout', "alter role OWNER set lock_timeout = '100ms'"],
  [
    'transaction_timeout (from 17 on)',
    `do $$ begin if ${isMajor17} then alter role OWNER set transaction_timeout = '100ms'; end if; end $$`,
  ],
  ['idle_in_transaction_session_timeout', "alter role OWNER set idle_in_transaction_session_timeout = '1ms'"],
])('migrate waits for another one for longer than the %s of its role', async (_, prepare) => {
  await using host = await createHost({ prepare });
  await withClient(host.adminUri, async (other) => {
    await other.query(`select pg_advisory_lock(hashtextextended('lamplighter migrate', 0))`);
    const migrating = migrateAs(host.owner.uri);
    migrating.catch(() => undefined); // told below
    await eventually(async () => {
      const { rows } = await other.query(
        `select from pg_stat_activity where usename = $1 and wait_event = 'advisory' and query_start < now() - interval '300ms'`,
        [host.owner.name],
      );
      if (rows.length === 0) await Promise.race([migrating, Promise.reject(new Error('migrate does not wait'))]);
    });
    await other.query('select pg_advisory_unlock_all()');
    expect(await migrating).toMatchObject({ fromVersion: 0, toVersion: programSchemaVersion() });
  });
});

test('migrate leaves the session with the limits it had', async () => {
  await using host = await createHost({ prepare: "alter role OWNER set statement_timeout = '7s'" });
  await withSession(host.owner.uri, async (session) => {
    await migrate(session);
    expect((await session.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '7s' }]);
  });
});
