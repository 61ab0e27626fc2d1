import pg from 'pg';
import { expect, test } from 'vitest';
import { programSchemaVersion, readMigrations } from '../../src/db/migrate/migration-file.ts';
import { readRoutines } from '../../src/db/migrate/routine-file.ts';
import { requireSchema } from '../../src/db/migrate/schema-state.ts';
import { sharedRelations } from '../../src/db/migrate/shared-names.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { createTestDatabase } from '../support/database.ts';
import { createOwnedDatabase, migrateAs, withSession } from '../support/owned-database.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

const VERSION = programSchemaVersion();

test('an owner without superuser rights installs everything, owns it, and has nothing left to do', async () => {
  await using db = await createOwnedDatabase();
  const report = await migrateAs(db.owner.uri);
  expect(report).toMatchObject({ fromVersion: 0, toVersion: VERSION, notes: [] });
  expect(report.steps).toEqual([
    ...readMigrations().map(({ name }) => name),
    `${readRoutines().length} functions`,
    'revoke what default privileges gave',
    'note where the schema is installed',
  ]);
  const owners = await db.pool.query(
    `select distinct o.owner::regrole::text from (
       select relowner as owner from pg_class where relnamespace = 'lamplighter'::regnamespace or relname = 'steadytext_queue'
       union all select proowner from pg_proc where pronamespace = 'lamplighter'::regnamespace or proname like 'steadytext%'
       union all select nspowner from pg_namespace where nspname = 'lamplighter') as o`,
  );
  expect(owners.rows).toEqual([{ owner: db.owner.name }]);
  expect(await migrateAs(db.owner.uri)).toEqual({ fromVersion: VERSION, toVersion: VERSION, steps: [], notes: [] });
});

test('the ledger tells what was applied, by whom', async () => {
  await using db = await createOwnedDatabase();
  await migrateAs(db.owner.uri);
  const { rows } = await db.pool.query(
    'select number, name, schema_version as "schemaVersion", checksum, applied_by from lamplighter.migration order by number',
  );
  expect(rows).toEqual(
    readMigrations().map(({ number, name, schemaVersion, checksum }) => ({
      number,
      name,
      schemaVersion,
      checksum,
      applied_by: db.owner.name,
    })),
  );
});

test('relations outside the private schema are the same in the list of the program and of the database', async () => {
  await using db = await createTestDatabase();
  const { rows } = await db.pool.query(
    `select s.schema_name as schema, s.name from lamplighter.list_shared_names() as s where s.kind = 'relation' order by 1, 2`,
  );
  const byName = (name: { schema: string; name: string }) => `${name.schema}.${name.name}`;
  expect(rows.map(byName)).toEqual(sharedRelations().map(byName).sort());
});

test('two migrations at once: one does the work, the other finds it done', async () => {
  await using db = await createOwnedDatabase();
  const reports = await Promise.all([migrateAs(db.owner.uri), migrateAs(db.owner.uri), migrateAs(db.owner.uri)]);
  expect(reports.map(({ fromVersion }) => fromVersion).sort()).toEqual([0, VERSION, VERSION]);
  expect(reports.filter(({ steps }) => steps.length > 0)).toHaveLength(1);
});

test('a role that may not create schemas is told whom to be', async () => {
  await using db = await createOwnedDatabase();
  const stranger = await db.createRole('stranger');
  await expect(migrateAs(stranger.uri)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    message: expect.stringContaining('permission denied for database'),
    hint: 'Migrate as the owner of the database, or of what is installed already.',
  });
});

test('a schema lantern that exists already is fine, once its owner lets the product in', async () => {
  await using db = await createOwnedDatabase();
  await db.pool.query('create schema lantern; create table lantern.anything (id int)');
  await expect(migrateAs(db.owner.uri)).rejects.toMatchObject({
    code: 'PERMISSION_DENIED',
    hint: expect.stringContaining('GRANT USAGE, CREATE ON SCHEMA lantern'),
  });
  await db.pool.query(`grant usage, create on schema lantern to ${db.owner.name}`);
  expect((await migrateAs(db.owner.uri)).toVersion).toBe(VERSION);
});

test("a user's own steadytext_ objects are in nobody's way", async () => {
  await using db = await createOwnedDatabase();
  await db.pool.query(
    `create table steadytext_audit_log (id int); create view steadytext_health_dashboard as select 1 as one;
     create function steadytext_diagnostics() returns int language sql as 'select 1'`,
  );
  expect((await migrateAs(db.owner.uri)).toVersion).toBe(VERSION);
});

test.each([
  [
    'a function',
    `create function public.steadytext_generate_async(x text) returns int language sql as 'select 1'`,
    'function steadytext_generate_async(text)',
  ],
  ['a table', 'create table public.steadytext_queue (id int)', 'relation public.steadytext_queue'],
  ['a view', 'create view public.steadytext_queue as select 1 as one', 'relation public.steadytext_queue'],
  ['a sequence', 'create sequence public.steadytext_queue_id_seq', 'relation public.steadytext_queue_id_seq'],
  [
    'an index',
    'create table public.t (i int); create index steadytext_queue_ready_idx on public.t (i)',
    'relation public.steadytext_queue_ready_idx',
  ],
  [
    'an index of a constraint',
    'create table public.t (i int constraint steadytext_queue_pkey primary key)',
    'relation public.steadytext_queue_pkey',
  ],
  ['an empty schema', 'create schema lamplighter', 'schema lamplighter'],
])('%s of a name that is needed is refused by name, and nothing is installed', async (_, statement, name) => {
  await using db = await createOwnedDatabase();
  await withSession(db.owner.uri, (session) => session.query(statement));
  await expect(migrateAs(db.owner.uri)).rejects.toMatchObject({
    code: 'NAME_TAKEN',
    message: expect.stringMatching(
      new RegExp(`^The ${name.replaceAll(/[()]/g, '\\$&')} exists already and is not Lamplighter's`),
    ),
    hint: 'Rename or drop it, or install into another database.',
  });
  const { rows } = await db.pool.query(`select from pg_proc where proname = 'steadytext_embed_async'`);
  expect(rows).toEqual([]);
});

test('a name that belongs to an extension is refused with its name', async () => {
  await using db = await createTestDatabase({ migrated: false });
  await db.pool.query(
    `create extension citext;
     create function public.steadytext_embed_async(text) returns int language sql as 'select 1';
     create table public.steadytext_queue (id int);
     alter extension citext add function public.steadytext_embed_async(text);
     alter extension citext add table public.steadytext_queue`,
  );
  await expect(migrateAs(db.uri)).rejects.toMatchObject({
    code: 'NAME_TAKEN',
    message: 'The function steadytext_embed_async(text) belongs to the extension "citext" (and 1 more)',
    hint: 'Save what you need from its tables, then: DROP EXTENSION citext',
  });
});

test('the schema works under a publication for all tables', async () => {
  await using db = await createTestDatabase();
  await db.pool.query('create publication everything for all tables');
  const worker = await startSqlWorker(db.pool);
  await db.pool.query(`select lamplighter.set('max_queue_size', '4'), lamplighter.request_wake_up('requests')`);
  await db.pool.query(`select steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  await db.pool.query('select lamplighter.measure_queue()');
  const [a, b, c] = await worker.claim();
  if (a === undefined || b === undefined || c === undefined) throw new Error('expected three requests');
  await worker.finish([a], { kind: 'completed', result: 'r', cacheKey: Buffer.from('key') });
  await worker.finish([b], { kind: 'retry', error: 'e', delayMs: 0 });
  await worker.fallSilent();
  await rescueRequests(db.pool, 3);
  const other = await startSqlWorker(db.pool);
  await other.claimOne();
  await other.fallSilent();
  await rescueRequests(db.pool, 3);
  const last = await startSqlWorker(db.pool);
  const quarantined = await last.claimQuarantined(9);
  await last.finish(quarantined, { kind: 'completed', result: 'r' });
  await db.pool.query(
    `select lamplighter.promote_requests(9), steadytext_pause('embed'); select steadytext_resume('embed')`,
  );
  await db.pool.query(`select lamplighter.enqueue_autonomous(gen_random_uuid(), gen_random_uuid(), 'postgres', 'embed', '{}', 0, 'default');
    select lamplighter.cancel_abandoned()`);
  await db.pool.query('select steadytext_cancel_async(request_id) from steadytext_queue');
  await db.pool.query(`select steadytext_prune('0')`);
  await db.pool.query(`select lamplighter.prune_cached_results('', 10), lamplighter.prune_workers('0')`);
  expect((await db.pool.query('select from steadytext_queue')).rows).toEqual([]);
});

test('a worker login that was granted reads the state of the schema; a stranger is told what to run', async () => {
  await using db = await createTestDatabase();
  const worker = await db.createRole('worker');
  const stranger = await db.createRole('stranger');
  await db.pool.query('select lamplighter.grant_worker($1)', [worker.name]);
  await withSession(worker.uri, async (session) =>
    expect(await requireSchema(session)).toMatchObject({ version: VERSION }),
  );
  await withSession(stranger.uri, (session) =>
    expect(requireSchema(session)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: `The role "${stranger.name}" may not use the schema lamplighter`,
      hint: `As the schema's owner run: lamplighter migrate --grant-worker ${stranger.name}`,
    }),
  );
});

test('a member of the owning role upgrades and grants as that role', async () => {
  await using db = await createOwnedDatabase();
  const deployer = await db.createRole('deployer');
  const app = await db.createRole('app');
  await migrateAs(db.owner.uri);
  await db.pool.query(`grant ${pg.escapeIdentifier(db.owner.name)} to ${pg.escapeIdentifier(deployer.name)}`);
  await migrateAs(deployer.uri, { grant: [app.name] });
  const { rows } = await db.pool.query(
    `select distinct a.grantor::regrole::text as grantor from pg_class as c, aclexplode(c.relacl) as a
     where c.relname = 'steadytext_queue' and a.grantee = $1::regrole`,
    [app.name],
  );
  expect(rows).toEqual([{ grantor: db.owner.name }]);
});
