import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createPool, type Pool } from '../../src/db/pool.ts';
import type { JobSpec } from '../../src/embeddings/job-spec.ts';
import { prepareJob } from '../../src/embeddings/prepare-job.ts';
import { createTargetScene, type TargetScene } from './target-scene.ts';

let scene: TargetScene;
let superuser: string;
let daemon: string;
let pool: Pool;
let serial = 0;

beforeAll(async () => {
  scene = await createTargetScene();
  superuser = String((await scene.run('select current_user as name'))[0]?.['name']);
  const role = await scene.db.createRole('daemon');
  daemon = role.name;
  await scene.run(
    `select lamplighter.grant_worker('${daemon}'); create schema shop; grant usage on schema shop to public`,
  );
  pool = createPool(resolveConnection({ uri: role.uri }, {}), { max: 2 });
});
afterAll(async () => {
  await pool.end();
  await scene[Symbol.asyncDispose]();
});
beforeEach(async () => {
  serial += 1;
  await scene.run(
    `create table shop.texts_${serial} (id int primary key, body text); insert into shop.texts_${serial} values (1, 'one')`,
  );
});

function spec(changes: Partial<JobSpec> = {}): JobSpec {
  return scene.spec(`texts_${serial}`, {
    schema: 'shop',
    chunks: { schema: 'shop', table: `chunks_${serial}`, size: 64, overlap: 0 },
    ...changes,
  });
}
const prepare = (changes?: Partial<JobSpec>, as = scene.pool) => prepareJob(as, spec(changes), { patienceMs: 5_000 });
const DDL =
  () => `create table shop.chunks_${serial} (id int not null, chunk_no int not null, chunk text not null, vec real[],
  primary key (id, chunk_no), foreign key (id) references shop.texts_${serial} on update cascade on delete cascade)`;
const ownerOf = async (table: string) =>
  (await scene.run(`select relowner::regrole::text as owner from pg_class where oid = 'shop.${table}'::regclass`))[0]?.[
    'owner'
  ];

describe('a table of chunks that is there', () => {
  test('is taken with columns more that fill themselves', async () => {
    await scene.run(`${DDL()}; alter table shop.chunks_${serial} add column words tsvector generated always as (to_tsvector('simple', chunk)) stored,
      add column at timestamptz not null default now(), add column note text`);
    await scene.settle(await prepare());
    expect(await scene.run(`select chunk, words::text from shop.chunks_${serial}`)).toEqual([
      { chunk: 'one', words: "'one':1" },
    ]);
  });

  test.each([
    ['drop column chunk', 'it has no column "chunk"'],
    ['drop column vec', 'it has no column "vec"'],
    ['alter column id type bigint', 'its column "id" is bigint, not integer'],
    ['add column more text not null', 'its column "more" must not be null, and nothing fills it'],
    ['drop constraint %_pkey', 'its primary key is not ("id", "chunk_no")'],
    ['drop constraint %_id_fkey', 'it has no foreign key to the texts with ON UPDATE CASCADE ON DELETE CASCADE'],
  ])('and has another shape is refused: %s', async (change, fault) => {
    await scene.run(`${DDL()}; alter table shop.chunks_${serial} ${change.replace('%', `chunks_${serial}`)}`);
    await expect(prepare()).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: `"shop"."chunks_${serial}" is no table for these chunks: ${fault}`,
      hint: expect.stringContaining('Name another dst_table, or drop this one'),
    });
  });

  test('and holds rows of somebody else is refused, unless the owner made the job', async () => {
    await scene.run(`${DDL()}; insert into shop.chunks_${serial} values (1, 0, 'mine', '{1,2,3}')`);
    await expect(prepare()).rejects.toThrow(`"shop"."chunks_${serial}" holds rows that are not this job's`);
    await scene.settle(await prepare({ jobRowOwner: superuser }));
    expect(await scene.run(`select chunk from shop.chunks_${serial}`)).toEqual([{ chunk: 'one' }]);
  });

  test.each([{}, { dstColumn: 'another' }])('and is filled by another job is refused by its name: %j', async (wish) => {
    await prepare();
    await expect(prepare({ jobId: 'second', ...wish })).rejects.toThrow(
      `"shop"."chunks_${serial}" is filled by job texts_${serial} already`,
    );
  });

  test.each([
    [
      'view',
      `create view shop.chunks_% as select id, 0 as chunk_no, body as chunk, null::real[] as vec from shop.texts_%`,
    ],
    [
      'partitioned table',
      'create table shop.chunks_% (id int, chunk_no int, chunk text, vec real[]) partition by list (id)',
    ],
    [
      'parent',
      'create table shop.chunks_% (id int, chunk_no int, chunk text, vec real[]); create table shop.heir_% () inherits (shop.chunks_%)',
    ],
  ])('and is a %s is refused', async (_, statement) => {
    await scene.run(statement.replaceAll('%', String(serial)));
    await expect(prepare()).rejects.toThrow('is no plain table of its own');
  });

  test('is not the table of the texts, nor one of the system or of Lamplighter', async () => {
    const named = (schema: string, table: string) => prepare({ chunks: { schema, table, size: 8, overlap: 0 } });
    await expect(named('shop', `texts_${serial}`)).rejects.toThrow('dst_table is the table of the texts');
    await expect(named('pg_catalog', 'pg_class')).rejects.toThrow('cannot be served');
    await expect(named('lamplighter', 'embedding_job')).rejects.toThrow('cannot be served');
    await expect(named('public', 'steadytext_queue')).rejects.toThrow('cannot be served');
    await expect(named('pg_temp', 'x')).rejects.toThrow('cannot be served');
    await expect(named('nowhere', 'x')).rejects.toThrow('The schema "nowhere" of dst_table does not exist');
  });
});

describe('who may have a table of chunks', () => {
  test('a key that is not unique is refused, and so are tables that others inherit from, and names that come twice', async () => {
    await scene.run(`alter table shop.texts_${serial} drop constraint texts_${serial}_pkey`);
    await expect(prepare()).rejects.toThrow(
      `The key ("id") of "shop"."texts_${serial}" is not unique, and chunks refer to it`,
    );
    await scene.run(`create unique index on shop.texts_${serial} (id) where id > 0`);
    await expect(prepare()).rejects.toThrow('is not unique');
    await scene.run(`alter table shop.texts_${serial} add unique (id)`);
    await expect(prepare({ dstColumn: 'chunk' })).rejects.toThrow('two of them would be named "chunk"');
    await scene.run(`create table shop.heir_of_${serial} () inherits (shop.texts_${serial})`);
    await expect(prepare()).rejects.toThrow('a foreign key does not reach their rows');
  });

  test('somebody else’s table is refused, and so is one on which strangers may create triggers, or whose policies hide rows', async () => {
    const { name } = await scene.db.createRole(`stranger${serial}`);
    await scene.run(`${DDL()}; alter table shop.chunks_${serial} owner to ${name}`);
    await expect(prepare()).rejects.toThrow(
      `belongs to "${name}", whose triggers would run with the rights of "${superuser}"`,
    );
    await prepare({ trustedOwners: [name] });
    await scene.run(
      `alter table shop.chunks_${serial} owner to ${superuser}; grant trigger on shop.chunks_${serial} to ${name}`,
    );
    await expect(prepare()).rejects.toThrow(`"${name}" may create triggers on "shop"."chunks_${serial}"`);
    await scene.run(
      `revoke trigger on shop.chunks_${serial} from ${name}; alter table shop.chunks_${serial} enable row level security, force row level security`,
    );
    await scene.run(
      `grant select, insert, update, delete on shop.chunks_${serial} to ${daemon}; grant select, update, trigger on shop.texts_${serial} to ${daemon}`,
    );
    await expect(prepare({}, pool)).rejects.toThrow('hide rows from');
  });

  test('a superuser gives the table to the owner of the texts', async () => {
    const { name } = await scene.db.createRole(`author${serial}`);
    await scene.run(`alter table shop.texts_${serial} owner to ${name}; grant create on schema shop to ${name}`);
    await scene.settle(await prepare({ trustedOwners: [name] }));
    expect(await ownerOf(`chunks_${serial}`)).toBe(name);
    await scene.run(
      `set role ${name}; create index on shop.chunks_${serial} (chunk); drop table shop.chunks_${serial}; reset role`,
    );
  });

  test('a plain login makes it its own, and lets the owner of the texts read it and pass that on', async () => {
    const { name } = await scene.db.createRole(`writer${serial}`);
    await scene.run(`alter table shop.texts_${serial} owner to ${name}`);
    await expect(prepare({ trustedOwners: [name] }, pool)).rejects.toThrow(
      `"${daemon}" may not SELECT, UPDATE, TRIGGER on`,
    );
    await scene.run(`grant select, update, trigger on shop.texts_${serial} to ${daemon}`);
    await expect(prepare({ trustedOwners: [name] }, pool)).rejects.toMatchObject({
      message: `"${daemon}" may not refer to "shop"."texts_${serial}" from a table of chunks`,
      hint: `GRANT REFERENCES ON "shop"."texts_${serial}" TO "${daemon}";`,
    });
    await scene.run(`grant references on shop.texts_${serial} to ${daemon}`);
    await expect(prepare({ trustedOwners: [name] }, pool)).rejects.toMatchObject({
      message: `There is no table "shop"."chunks_${serial}", and "${daemon}" may not make one in that schema`,
      hint: expect.stringContaining(`CREATE TABLE "shop"."chunks_${serial}" ("id" integer NOT NULL,`),
    });
    await scene.run(`grant create on schema shop to ${daemon}`);
    await prepare({ trustedOwners: [name] }, pool);
    expect(await ownerOf(`chunks_${serial}`)).toBe(daemon);
    await scene.run(
      `set role ${name}; select * from shop.chunks_${serial}; grant select on shop.chunks_${serial} to public; reset role`,
    );
    await scene.run(`revoke create on schema shop from ${daemon}`);
  });

  test('a login that is a member of the owner gives it away, whether it inherits or not', async () => {
    const { name } = await scene.db.createRole(`boss${serial}`);
    await scene.run(`grant ${name} to ${daemon}; alter role ${daemon} noinherit; grant usage, create on schema shop to ${name}, ${daemon};
      alter table shop.texts_${serial} owner to ${name}; grant select, update, trigger, references on shop.texts_${serial} to ${daemon}`);
    await prepare({ trustedOwners: [name] }, pool);
    expect(await ownerOf(`chunks_${serial}`)).toBe(name);
    await prepare({ trustedOwners: [name] }, pool);
    await scene.run(`alter role ${daemon} inherit; revoke create on schema shop from ${daemon}`);
  });

  test('a table that would be published is not made', async () => {
    await scene.run('create publication everything for all tables');
    try {
      await expect(prepare()).rejects.toMatchObject({
        message: expect.stringContaining('and it would be published ("everything")'),
        hint: expect.stringContaining('Make it on the subscribers first, then here: CREATE TABLE'),
      });
      expect(await scene.run(`select to_regclass('shop.chunks_${serial}') as made`)).toEqual([{ made: null }]);
    } finally {
      await scene.run('drop publication everything');
    }
  });
});

test('the columns of the key keep type and collation, and an unlogged source has unlogged chunks', async () => {
  await scene.run(`create domain shop.code_${serial} as varchar(9); create unlogged table shop.coded_${serial} (code shop.code_${serial} collate "C", part numeric(6,2), body text, unique (code, part));
    insert into shop.coded_${serial} values ('a', 1.5, 'one')`);
  const job = await prepare({ table: `coded_${serial}`, pk: 'code,part' });
  await scene.settle(job);
  expect(
    await scene.run(`select format_type(atttypid, atttypmod) as type, attcollation::regcollation::text as collation, relpersistence as persistence
    from pg_attribute join pg_class on oid = attrelid where attrelid = 'shop.chunks_${serial}'::regclass and attnum in (1, 2) order by attnum`),
  ).toEqual([
    { type: `shop.code_${serial}`, collation: '"C"', persistence: 'u' },
    { type: 'numeric(6,2)', collation: '-', persistence: 'u' },
  ]);
  expect(await scene.run(`select * from shop.chunks_${serial}`)).toEqual([
    { code: 'a', part: '1.50', chunk_no: 0, chunk: 'one', vec: expect.any(Array) },
  ]);
});
