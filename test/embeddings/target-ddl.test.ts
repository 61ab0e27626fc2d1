import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasCode } from '../../src/core/errors.ts';
import { classifySqlState } from '../../src/db/sqlstate.ts';
import { claimChanges } from '../../src/embeddings/claim-changes.ts';
import { claimJob } from '../../src/embeddings/claim-job.ts';
import type { PreparedJob } from '../../src/embeddings/job-spec.ts';
import { openSession } from '../support/sql-session.ts';
import { createTargetScene, type TargetScene } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

/** A job whose table has one row in a settled state, and the texts it takes from then on. */
async function settled(
  table: string,
  ddl: string,
  changes?: Parameters<TargetScene['prepare']>[1],
): Promise<PreparedJob> {
  await scene.run(ddl);
  const job = await scene.prepare(table, changes);
  await scene.settle(job);
  return job;
}

/** As the daemon does: prepares again when a claim says so, or the table is not what it was, and makes the pass that is due. */
async function follow(job: PreparedJob, table: string, changes?: Parameters<TargetScene['prepare']>[1]): Promise<void> {
  try {
    const { batch } = await claimChanges(scene.pool, job, { holderId: scene.holderId, limit: 500 });
    if (batch !== undefined) await scene.answer(job, batch);
  } catch (error) {
    if (!hasCode(error, 'JOB_INVALID') && classifySqlState(error) !== 'missing') throw error;
  }
  const again = await scene.prepare(table, changes);
  const claimed = await claimJob(scene.pool, again.id, scene.holderId);
  if (claimed?.isPassDue === true) await scene.settle(again);
  else await scene.drain(again);
}

describe('DDL in a session that has fired the trigger', () => {
  const cases: readonly [
    name: string,
    ddl: string,
    write: string,
    changes?: { srcColumn?: string; pk?: string; dstColumn?: string; filterColumn?: string },
    before?: { filterColumn: string },
  ][] = [
    ['another type of the source', 'alter table % alter body type varchar(200)', `update % set body = body || '!'`],
    ['another type of the key', 'alter table % alter id type bigint', `update % set body = body || '!'`],
    [
      'the source renamed',
      'alter table % rename body to content',
      `update % set content = content || '!'`,
      { srcColumn: 'content' },
    ],
    ['the key renamed', 'alter table % rename id to "Nr"', `update % set body = body || '!'`, { pk: '"Nr"' }],
    [
      'the key dropped',
      'alter table % drop id, add nr uuid default gen_random_uuid()',
      `update % set body = body || '!'`,
      { pk: 'nr' },
    ],
    [
      'the filter renamed',
      'alter table % rename ok to fine',
      `update % set body = body || '!'`,
      { filterColumn: 'fine' },
      { filterColumn: 'ok' },
    ],
    ['the filter dropped', 'alter table % drop ok', `update % set body = body || '!'`, {}, { filterColumn: 'ok' }],
    [
      'another type of the filter',
      'alter table % alter ok drop default, alter ok type text',
      `update % set ok = 'f', body = body || '!'`,
      {},
      { filterColumn: 'ok' },
    ],
    [
      'the destination renamed',
      'alter table % rename vec to other',
      `update % set body = body || '!'`,
      { dstColumn: 'other' },
    ],
    ['the destination dropped', 'alter table % drop vec', `update % set body = body || '!'`],
    [
      'another type of the destination',
      'alter table % alter vec type text',
      `update % set body = body || '!'`,
      { dstColumn: 'other' },
    ],
    [
      'another column made the key',
      'alter table % add code uuid default gen_random_uuid()',
      `update % set body = body || '!'`,
      { pk: 'code' },
    ],
    [
      'the source dropped and made again',
      'alter table % drop body; alter table % add body text',
      `update % set body = 'again ' || id`,
    ],
    [
      'a column added in the middle of work',
      'alter table % add extra int default 7',
      `update % set body = body || '!'`,
    ],
    ['an unrelated column dropped', 'alter table % drop n', `update % set body = body || '!'`],
    [
      'a column added with a rewrite',
      'alter table % add extra uuid default gen_random_uuid()',
      `insert into % (id, body) values (77, 'new')`,
    ],
  ];
  test.each(cases)('%s: no statement fails, and no change is lost', async (name, ddl, write, changes, before) => {
    const table = `ddl_${cases.findIndex(([other]) => other === name)}`;
    const job = await settled(
      table,
      `create table ${table} (id int primary key, n int, ok boolean default true, body text);
       insert into ${table} (id, body) select n, 'text ' || n from generate_series(1, 20) as n`,
      before,
    );
    await using hot = await openSession(scene.db.uri);
    await hot.client.query(`update ${table} set body = body || '?'`);
    await scene.drain(job);
    await using other = await openSession(scene.db.uri);
    await other.client.query(ddl.replaceAll('%', table));
    for (const session of [hot, other, hot])
      await session.client.query(
        write.replaceAll('%', table).replace('77', session === hot ? `(select max(id) + 1 from ${table})` : '77'),
      );
    await follow(job, table, changes);
    const columns = { src: changes?.srcColumn ?? 'body', dst: changes?.dstColumn ?? 'vec' };
    expect(await scene.wrong(table, 'm1', columns)).toEqual([]);
    expect(await scene.logged()).toEqual([]);
  });

  test('a destination that was renamed is not made anew, and named so it keeps its vectors', async () => {
    const job = await settled(
      'renamed',
      `create table renamed (id int primary key, body text); insert into renamed values (1, 'one')`,
    );
    await scene.run('alter table renamed rename vec to other');
    await expect(scene.prepare('renamed')).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: '"public"."renamed"."vec" was renamed to "other"',
    });
    const again = await scene.prepare('renamed', { dstColumn: 'other' });
    expect([again.id, again.generation]).toEqual([job.id, job.generation]);
    expect(
      await scene.run(
        `select count(*)::int as columns from pg_attribute where attrelid = 'renamed'::regclass and attnum > 0`,
      ),
    ).toEqual([{ columns: 3 }]);
    expect(await scene.wrong('renamed', 'm1', { dst: 'other' })).toEqual([]);
  });

  test('a renamed table and a moved schema are found again by the names of the job row', async () => {
    const job = await settled(
      'before',
      `create table before (id int primary key, body text); insert into before values (1, 'one')`,
    );
    await scene.run(
      `create schema "Else"; alter table before rename to "af.ter"; alter table "af.ter" set schema "Else"; update "Else"."af.ter" set body = 'uno'`,
    );
    const again = await scene.prepare('af.ter', { schema: 'Else', jobId: 'before' });
    expect(again.id).toBe(job.id);
    await scene.drain(again);
    expect(await scene.wrong('"Else"."af.ter"')).toEqual([]);
  });

  test('another key while changes wait in the log: every row is made sure of', async () => {
    const job = await settled(
      'rekeyed',
      `create table rekeyed (id int primary key, code int, body text); insert into rekeyed select n, 10 - n, 'text ' || n from generate_series(1, 9) as n`,
    );
    await scene.run(`update rekeyed set body = 'changed' where id < 5`);
    const again = await scene.prepare('rekeyed', { pk: 'code' });
    expect(again.id).not.toBe(job.id);
    await scene.settle(again);
    expect(await scene.wrong('rekeyed')).toEqual([]);
  });

  test('a table that was dropped and made again under its name is embedded anew', async () => {
    const job = await settled(
      'reborn',
      `create table reborn (id int primary key, body text); insert into reborn values (1, 'one')`,
    );
    await scene.run(
      `drop table reborn; create table reborn (id int primary key, body text); insert into reborn values (1, 'other'), (2, 'two')`,
    );
    await expect(scene.claim(job)).rejects.toThrow();
    const again = await scene.prepare('reborn');
    await scene.settle(again);
    expect(await scene.wrong('reborn')).toEqual([]);
    await scene.run(`update reborn set body = 'uno' where id = 1`);
    expect(await scene.drain(again)).toEqual(['uno']);
  });

  test('TRUNCATE and new rows under the old keys', async () => {
    const job = await settled(
      'emptied',
      `create table emptied (id int primary key, body text); insert into emptied values (1, 'one')`,
    );
    await scene.run(`truncate emptied; insert into emptied values (1, 'one'), (2, 'two')`);
    await scene.drain(job);
    expect(await scene.wrong('emptied')).toEqual([]);
  });
});
