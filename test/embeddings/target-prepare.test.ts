import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createPool, type Pool } from '../../src/db/pool.ts';
import { removeJob } from '../../src/embeddings/cancel-job.ts';
import { claimChanges } from '../../src/embeddings/claim-changes.ts';
import type { JobSpec } from '../../src/embeddings/job-spec.ts';
import { prepareJob } from '../../src/embeddings/prepare-job.ts';
import { writeVectors } from '../../src/embeddings/write-vectors.ts';
import { openSession } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { createTargetScene, type TargetScene, vectorOf } from './target-scene.ts';

let scene: TargetScene;
let superuser: string;
beforeAll(async () => {
  scene = await createTargetScene();
  superuser = String((await scene.run('select current_user as name'))[0]?.['name']);
  await scene.run(
    `create table plain (id int primary key, body text, n int, made text generated always as (upper(body)) stored, full_vec real[], eight real[]);
     insert into plain (id, body, full_vec) values (1, 'one', '{1}');
     create view seen as select * from plain;
     create table "Q""uote.d" ("I""d" int primary key, "Bo.dy" text); insert into "Q""uote.d" values (1, 'one')`,
  );
});
afterAll(() => scene[Symbol.asyncDispose]());

test.each(['column', 'chunks'])('several daemons may prepare one job at the same time: %s', async (kind) => {
  for (let round = 0; round < 10; round += 1) {
    const table = `shared_${kind}_${round}`;
    const chunks = { schema: 'public', table: `${table}_parts`, size: 8, overlap: 0 };
    await scene.run(`create table ${table} (id int primary key, body text)`);
    const prepared = await Promise.allSettled(
      [1, 2, 3].map(() => scene.prepare(table, { jobId: table, ...(kind === 'chunks' ? { chunks } : {}) })),
    );
    const fulfilled = ['fulfilled', 'fulfilled', 'fulfilled'];
    expect(prepared.map((each) => (each.status === 'rejected' ? each.reason : each.status))).toEqual(fulfilled);
    expect(
      await scene.run(
        `select count(*)::integer as made from pg_trigger where tgrelid = '${table}'::regclass and not tgisinternal`,
      ),
    ).toEqual([{ made: 1 }]);
  }
});

const refusal = async (changes: Partial<JobSpec>, table = 'plain') => {
  try {
    const job = await scene.prepare(table, { jobId: 'refused', ...changes });
    await removeJob(scene.pool, job.id);
    return 'none';
  } catch (error) {
    expect(error).toMatchObject({ code: 'JOB_INVALID' });
    return error instanceof Error ? error.message : '';
  }
};

test.each<[what: string, changes: Partial<JobSpec>, message: string]>([
  ['no such table', { table: 'nowhere' }, 'The table "public"."nowhere" does not exist'],
  ['no such schema', { schema: 'else' }, 'The table "else"."plain" does not exist'],
  ['a view', { table: 'seen' }, '"public"."seen" is a view, and a view fires no triggers'],
  ['a table of the system', { schema: 'pg_catalog', table: 'pg_class' }, '"pg_catalog"."pg_class" cannot be served'],
  ['a table of ours', { schema: 'lamplighter', table: 'worker' }, '"lamplighter"."worker" cannot be served'],
  ['the queue', { table: 'steadytext_queue' }, '"public"."steadytext_queue" cannot be served'],
  ['no such source', { srcColumn: 'bodi' }, '"public"."plain" has no column "bodi"'],
  ['a source that is no text', { srcColumn: 'n' }, 'Column "n" is of type integer, which is no text'],
  ['no such key', { pk: 'id, nr' }, '"public"."plain" has no column "nr" for a key'],
  ['a key twice', { pk: 'id,id' }, 'The key "id,id" names a column twice'],
  ['a key that is no list', { pk: 'id,,n' }, 'The key "id,,n" is no list of column names'],
  ['a destination of another type', { dstColumn: 'n' }, 'Column "n" is of type integer, which holds no vectors'],
  ['a generated destination', { dstColumn: 'made' }, '"public"."plain"."made" is a generated column'],
  [
    'a destination with values',
    { dstColumn: 'full_vec' },
    '"public"."plain"."full_vec" holds values that are not this job\'s',
  ],
  ['the source as destination', { dstColumn: 'body' }, 'The source and the destination are the same column'],
  [
    'a type that holds no vectors',
    { columnType: 'jsonb; drop table plain' },
    'The column type jsonb; drop table plain cannot hold vectors',
  ],
  ['vector without pgvector', { columnType: 'vector(3)' }, 'pgvector is not installed'],
])('%s is refused, with a sentence for the user', async (_, changes, message) => {
  expect(await refusal(changes)).toContain(message);
  expect(await scene.run(`select from pg_trigger where tgrelid = 'plain'::regclass`)).toEqual([]);
});

test('names with quotes, dots and capitals are quoted everywhere', async () => {
  const job = await scene.prepare('Q"uote.d', { srcColumn: 'Bo.dy', dstColumn: 'v"ec', pk: '"I""d"' });
  await scene.settle(job);
  await scene.run(`update "Q""uote.d" set "Bo.dy" = 'uno'`);
  expect(await scene.drain(job)).toEqual(['uno']);
  expect(await scene.run(`select "v""ec" is not null as has_vector from "Q""uote.d"`)).toEqual([{ has_vector: true }]);
});

test('names of 63 bytes, and columns that SQL could take for words of its own', async () => {
  const long = 'n'.repeat(63);
  await scene.run(
    `create table "${long}" ("select" int primary key, "${'é'.repeat(31)}" text); insert into "${long}" values (1, 'one')`,
  );
  const job = await scene.prepare(long, { srcColumn: 'é'.repeat(31), dstColumn: 'table' });
  await scene.settle(job);
  expect(await scene.run(`select "table" is not null as has_vector from "${long}"`)).toEqual([{ has_vector: true }]);
});

test('preparing again changes nothing', async () => {
  const first = await scene.prepare('plain', { jobId: 'again' });
  const second = await scene.prepare('plain', { jobId: 'again' });
  expect(second).toEqual(first);
  await removeJob(scene.pool, first.id);
});

test('another dimension parks the job and says what to do; the old vectors stay', async () => {
  await scene.run(`create table sized (id int primary key, body text); insert into sized values (1, 'one')`);
  await scene.settle(await scene.prepare('sized'));
  expect(await refusal({ jobId: 'sized', dimensions: 4, model: 'm2' }, 'sized')).toBe(
    '"public"."sized"."vec" holds vectors of 3 dimensions, and those of m2 have 4',
  );
  expect(await scene.wrong('sized')).toEqual([]);
});

test('a published table gets no column, unless the publication lists its columns', async () => {
  await scene.run(
    `create table published (id int primary key, body text); create publication everything for table published`,
  );
  expect(await refusal({}, 'published')).toContain(
    '"public"."published" has no column "vec", and is published ("everything")',
  );
  const [version] = await scene.run(`select current_setting('server_version_num')::int as number`);
  if (Number(version?.['number']) < 150000) return;
  await scene.run('alter publication everything set table published (id, body)');
  await scene.prepare('published');
});

test('a table that is in use keeps nobody waiting, and the job waits its turn', async () => {
  await scene.run('create table crowded (id int primary key, body text)');
  await using reader = await openSession(scene.db.uri);
  await reader.client.query('begin; select from crowded');
  await expect(prepareJob(scene.pool, scene.spec('crowded'), { patienceMs: 200 })).rejects.toMatchObject({
    code: '55P03',
  });
  const prepared = prepareJob(scene.pool, scene.spec('crowded'), { patienceMs: 10_000 });
  await scene.run(`insert into crowded values (1, 'one')`);
  await reader.client.query('commit');
  const job = await prepared;
  await scene.settle(job);
  expect(await scene.wrong('crowded')).toEqual([]);
});

describe('who may be served', () => {
  let pool: Pool;
  let daemon: string;
  beforeAll(async () => {
    const role = await scene.db.createRole('daemon');
    daemon = role.name;
    await scene.run(
      `create schema shop; grant usage, create on schema shop to public; select lamplighter.grant_worker('${daemon}')`,
    );
    pool = createPool(resolveConnection({ uri: role.uri }, {}));
  });
  afterAll(() => pool.end());

  const prepareAs = (table: string, changes: Partial<JobSpec> = {}) =>
    prepareJob(pool, scene.spec(table, { schema: 'shop', ...changes }), { patienceMs: 2_000 });

  test("a superuser serves no stranger's table, unless its owner is trusted", async () => {
    const { name } = await scene.db.createRole('stranger');
    await scene.run(`set role ${name}; create table shop.strange (id int primary key, body text); reset role`);
    await expect(scene.prepare('strange', { schema: 'shop' })).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: `"shop"."strange" belongs to "${name}", whose triggers would run with the rights of "${superuser}"`,
      hint: expect.stringContaining(`--trust-owner ${name}`),
    });
    await scene.prepare('strange', { schema: 'shop', trustedOwners: [name] });
  });

  test('a table on which strangers may create triggers is refused, unless they are trusted', async () => {
    const { name } = await scene.db.createRole('maker');
    await scene.run(
      `create table shop.open (id int primary key, body text); grant all on shop.open to ${name};
       create table shop.public (id int primary key, body text); grant trigger on shop.public to public;
       create table shop.closed (id int primary key, body text); grant select, insert, update, delete on shop.closed to ${name}, ${daemon}; grant trigger on shop.closed to ${superuser}`,
    );
    await expect(scene.prepare('open', { schema: 'shop' })).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: `"${name}" may create triggers on "shop"."open", which would run with the rights of "${superuser}"`,
      hint: expect.stringContaining(`REVOKE TRIGGER ON "shop"."open" FROM "${name}"`),
    });
    await expect(scene.prepare('public', { schema: 'shop' })).rejects.toMatchObject({
      message: expect.stringContaining('PUBLIC may create triggers'),
    });
    await scene.prepare('open', { schema: 'shop', trustedOwners: [name] });
    await scene.prepare('closed', { schema: 'shop' });
  });

  test('a login without special rights serves its own, its members’ and superusers’ tables, given the rights it needs', async () => {
    const { name: member } = await scene.db.createRole('member');
    const { name: other } = await scene.db.createRole('other');
    await scene.run(
      `grant ${daemon} to ${member};
       set role ${member}; create table shop.of_member (id int primary key, body text, vec real[]); reset role;
       set role ${other}; create table shop.of_other (id int primary key, body text, vec real[]); grant all on shop.of_other to ${daemon}; reset role;
       create table shop.of_root (id int primary key, body text, vec real[]); insert into shop.of_root values (1, 'one')`,
    );
    await expect(prepareAs('of_other')).rejects.toMatchObject({
      message: expect.stringContaining(`belongs to "${other}"`),
    });
    await expect(prepareAs('of_member')).rejects.toMatchObject({
      message: `"${daemon}" may not SELECT, UPDATE, TRIGGER on "shop"."of_member"`,
    });
    await scene.run(`grant select, trigger, update (vec) on shop.of_member, shop.of_root to ${daemon}`);
    await prepareAs('of_member');
    await expect(prepareAs('of_root', { dstColumn: 'other_vec' })).rejects.toMatchObject({
      message: `"shop"."of_root" has no column "other_vec", and "${daemon}" does not own the table`,
      hint: 'ALTER TABLE "shop"."of_root" ADD COLUMN "other_vec" pg_catalog.float4[];',
    });
    const job = await prepareAs('of_root');
    const { workerId: holderId } = await startSqlWorker(pool, { leaseMs: 600_000 });
    await scene.run(`update shop.of_root set body = 'uno'`);
    const { batch } = await claimChanges(pool, job, { holderId, limit: 10 });
    if (batch === undefined) throw new Error('expected a batch');
    await writeVectors(pool, job, batch, [vectorOf('uno')]);
    expect(await scene.wrong('shop.of_root')).toEqual([]);
  });

  test('policies that would hide rows are refused, and never taken for an empty table', async () => {
    await scene.run(
      `create table shop.hidden (id int primary key, body text, vec real[]); alter table shop.hidden enable row level security;
       create policy nothing on shop.hidden using (false); grant select, trigger, update on shop.hidden to ${daemon}`,
    );
    await expect(prepareAs('hidden')).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: `Policies of "shop"."hidden" hide rows from "${daemon}"`,
    });
  });

  test("a type of a user's cannot run its casts with the rights of capture", async () => {
    await scene.run(
      `create table shop.casts (note text); create type shop.feeling as enum ('ok');
       create function shop.spy(shop.feeling) returns text language plpgsql as $$
         begin insert into shop.casts values (current_user); return 'spied'; end $$;
       create cast (shop.feeling as text) with function shop.spy(shop.feeling);
       create table shop.spied (id int primary key, body shop.feeling, vec real[]); grant select, trigger, update (vec) on shop.spied to ${daemon}`,
    );
    const job = await prepareAs('spied');
    await scene.run(`insert into shop.spied values (1, 'ok'); update shop.spied set id = 2`);
    expect((await scene.logged()).filter((key) => key !== null)).not.toEqual([]);
    expect(await scene.run('select * from shop.casts')).toEqual([]);
    await removeJob(pool, job.id);
  });

  test('operators that a user puts before the built-in ones are not used', async () => {
    await scene.run(`create table shop.shadowed (id int primary key, body text)`);
    const job = await scene.prepare('shadowed', { schema: 'shop' });
    const { name } = await scene.db.createRole('shadow');
    await scene.run(
      `grant insert, update, select on shop.shadowed to ${name}; create schema shadows authorization ${name};
       set role ${name};
       create table shadows.ran (who text);
       create function shadows.differs(text, text) returns boolean language plpgsql as $$ begin insert into shadows.ran values (current_user); return false; end $$;
       create operator shadows.<> (leftarg = text, rightarg = text, function = shadows.differs);
       create operator shadows.= (leftarg = text, rightarg = text, function = shadows.differs);
       set search_path = shadows, pg_catalog; insert into shop.shadowed values (1, 'one'); update shop.shadowed set body = 'two'; reset role; reset search_path`,
    );
    expect(await scene.run('select * from shadows.ran')).toEqual([]);
    expect(await scene.drain(job)).toEqual(['two']);
    await scene.run(`drop owned by ${pg.escapeIdentifier(name)}`);
  });
});
