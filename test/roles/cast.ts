import pg from 'pg';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { type MigrateReport, migrate } from '../../src/db/migrate/migrate.ts';
import type { MigrateOptions } from '../../src/db/migrate/migration-plan.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';

/** Every kind of role that can come near the schema. */
export const ROLES = ['superuser', 'owner', 'a', 'b', 'asA', 'member', 'worker', 'monitor', 'stranger'] as const;
export type RoleName = (typeof ROLES)[number];

export interface Cast extends AsyncDisposable {
  readonly database: TestDatabase;
  /** The logins' names; `asA` has done SET ROLE to `a`, `member` has not. */
  readonly names: Readonly<Record<Exclude<RoleName, 'superuser'>, string>>;
  /** One open session for each role. */
  readonly sessions: Readonly<Record<RoleName, pg.Client>>;
  migrateAs(role: TestRole, options?: MigrateOptions): Promise<MigrateReport>;
  readonly logins: Readonly<Record<Exclude<RoleName, 'superuser'>, TestRole>>;
}

/**
 * A database whose owner, no superuser, has migrated it and granted: `a` and `b` may queue requests, `worker` may run workers, `monitor` may see figures. `asA`
 * and `member` may become `a`; `stranger` has nothing.
 */
export async function createCast(): Promise<Cast> {
  const database = await createTestDatabase({ migrated: false });
  const owner = await createOwner(database);
  const [a, b, asA, member, worker, monitor, stranger] = await Promise.all(
    ['a', 'b', 'as_a', 'member', 'worker', 'monitor', 'stranger'].map((name) => database.createRole(name)),
  );
  if (!(a && b && asA && member && worker && monitor && stranger)) throw new Error('a role is missing');
  const logins = { owner, a, b, asA, member, worker, monitor, stranger };
  await database.pool.query(`alter role ${asA.name} noinherit`);
  await database.pool.query(`grant ${a.name} to ${asA.name}, ${member.name}`);
  await migrateAs(owner, { grant: [a.name, b.name], grantWorker: [worker.name], grantMonitor: [monitor.name] });

  const open = async (uri: string) => {
    const client = new pg.Client({ connectionString: uri, application_name: 'lamplighter test role' });
    await client.connect();
    return client;
  };
  const sessions = {
    superuser: await open(database.uri),
    owner: await open(owner.uri),
    a: await open(a.uri),
    b: await open(b.uri),
    asA: await open(asA.uri),
    member: await open(member.uri),
    worker: await open(worker.uri),
    monitor: await open(monitor.uri),
    stranger: await open(stranger.uri),
  };
  await sessions.asA.query(`set role ${a.name}`);

  return {
    database,
    logins,
    names: {
      owner: owner.name,
      a: a.name,
      b: b.name,
      asA: asA.name,
      member: member.name,
      worker: worker.name,
      monitor: monitor.name,
      stranger: stranger.name,
    },
    sessions,
    migrateAs,
    async [Symbol.asyncDispose]() {
      for (const session of Object.values(sessions)) await session.end();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** A role that owns the database and may do nothing beyond it, as on a managed host. */
export async function createOwner(database: TestDatabase): Promise<TestRole> {
  const owner = await database.createRole('owner');
  await database.pool.query(`alter database ${database.name} owner to ${owner.name}`);
  return owner;
}

export async function migrateAs(role: Pick<TestRole, 'uri'>, options: MigrateOptions = {}): Promise<MigrateReport> {
  const session = await connectClient(resolveConnection({ uri: role.uri }, {}));
  try {
    return await migrate(session, options);
  } finally {
    await session.end();
  }
}
