import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { uriOf, withClient } from './admin.ts';
import { eventually } from './eventually.ts';
import { templateName } from './template.ts';
import { openTestPool } from './test-pool.ts';

export interface TestRole {
  readonly name: string;
  /** Logs in as this role; refused by the server for a role without login. */
  readonly uri: string;
}

export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** As superuser. */
  readonly uri: string;
  /** As superuser; closed with the database. */
  readonly pool: pg.Pool;
  uriFor(role: string, password: string): string;
  /** A role without any grant, under a name that is unique on the server and ends in `name`; dropped with the database. */
  createRole(name?: string, options?: { readonly login?: boolean }): Promise<TestRole>;
}

let admins: pg.Pool | undefined;
let copy: string | undefined;

/** Sessions that make and drop databases: as many as a process needs at a time, and none for long. */
function openAdmins(): pg.Pool {
  admins ??= openTestPool({
    connectionString: inject('serverUri'),
    application_name: 'lamplighter test admin',
    max: 4,
    allowExitOnIdle: true,
  });
  return admins;
}

/** Half the work of logging each page of a copy that no crash has to bring back; the only way before PostgreSQL 15. */
async function copyOption(): Promise<string> {
  const { rows } = await openAdmins().query<{ version: string }>(
    `select current_setting('server_version_num') as version`,
  );
  copy = Number(rows[0]?.version) < 150_000 ? '' : 'strategy file_copy';
  return copy;
}

/**
 * A database of its own for a test or a test file: NOTIFY and advisory locks do not reach other databases. Disposing of it fails
 * when somebody else is still connected, because that is a leak.
 *
 * @param options.migrated false for an empty one. @default true
 */
export async function createTestDatabase(options: { readonly migrated?: boolean } = {}): Promise<TestDatabase> {
  const serverUri = inject('serverUri');
  const runPrefix = inject('runPrefix');
  const name = `${runPrefix}_${randomBytes(4).toString('hex')}`;
  const template = options.migrated === false ? 'template1' : templateName(runPrefix);
  await openAdmins().query(`create database ${name} template ${template} ${copy ?? (await copyOption())}`);

  const uri = uriOf(serverUri, { database: name });
  const pool = openTestPool({ connectionString: uri, max: 8 });
  // It is a copy of the template, and no test is about that.
  if (options.migrated !== false) {
    await withClient(uri, (owner) => owner.query('select lamplighter.note_installation()'));
  }
  const roles: string[] = [];
  let isDisposed = false;

  return {
    name,
    uri,
    pool,
    uriFor: (user, password) => uriOf(uri, { user, password }),
    async createRole(suffix = `role${roles.length + 1}`, { login = true } = {}) {
      const role = `${name}_${suffix}`;
      const password = randomBytes(9).toString('base64url');
      await pool.query(
        `create role ${pg.escapeIdentifier(role)} ${login ? 'login' : 'nologin'} password ${pg.escapeLiteral(password)}`,
      );
      roles.push(role);
      return { name: role, uri: uriOf(uri, { user: role, password }) };
    },
    async [Symbol.asyncDispose]() {
      if (isDisposed) return;
      isDisposed = true;
      await pool.end();
      const admin = openAdmins();
      try {
        await eventually(() => expectNoSessions(admin, name), { timeoutMs: 3_000 });
      } finally {
        await admin.query(`drop database ${name} with (force)`);
        for (const role of roles) await admin.query(`drop role if exists ${pg.escapeIdentifier(role)}`);
      }
    },
  };
}

async function expectNoSessions(admin: pg.Pool, database: string): Promise<void> {
  const { rows } = await admin.query<{ session: string }>(
    `select format('%s (%s): %s', application_name, state, left(query, 80)) as session
     from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
    [database],
  );
  if (rows.length > 0) throw new Error(`the test left connections open: ${rows.map((row) => row.session).join('; ')}`);
}
