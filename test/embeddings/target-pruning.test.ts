import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pruneStamps } from '../../src/embeddings/prune-stamps.ts';
import { createTargetScene, type TargetScene } from './target-scene.ts';

const { signal } = new AbortController();
let scene: TargetScene;

beforeEach(async () => {
  scene = await createTargetScene();
});
afterEach(() => scene[Symbol.asyncDispose]());

const countOf = async (table: string) => Number((await scene.run(`select count(*) as n from ${table}`))[0]?.['n']);
const fill = (rows: number) =>
  scene.run(`create table t (id integer primary key, body text);
    insert into t (id, body) select n, 'text ' || n from generate_series(1, ${rows}) as n`);

describe('stamps of rows that were deleted', () => {
  test('go after a full pass, where they are many, and those of rows that are there stay', async () => {
    await fill(1_500);
    const job = await scene.prepare('t');
    await scene.settle(job);
    expect(await countOf('lamplighter.embedding_stamp')).toBe(1_500);
    await scene.run('delete from t where id > 200');
    await scene.run(`insert into lamplighter.embedding_failure (job, key_hash, key, attempts, is_final, error)
      select job, key_hash, 'k', 5, true, 'no' from lamplighter.embedding_stamp`);
    await scene.settle(job);
    expect(await pruneStamps(scene.pool, job, signal)).toBe(1_300);
    expect(await countOf('lamplighter.embedding_stamp')).toBe(200);
    expect(await countOf('lamplighter.embedding_failure')).toBe(200);
    await scene.settle(job);
    expect(await scene.wrong('t')).toEqual([]);
    expect(await scene.drain(job)).toEqual([]);
  });

  test('stay where they are few', async () => {
    await fill(1_500);
    const job = await scene.prepare('t');
    await scene.settle(job);
    await scene.run('delete from t where id > 1400');
    await scene.settle(job);
    expect(await pruneStamps(scene.pool, job, signal)).toBe(0);
    expect(await countOf('lamplighter.embedding_stamp')).toBe(1_500);
  });

  test('of every partition are told apart from those of rows that are there', async () => {
    await scene.run(`create table t (id integer primary key, body text) partition by range (id);
      create table t1 partition of t for values from (0) to (1000);
      create table t2 partition of t for values from (1000) to (3000);
      insert into t (id, body) select n, 'text ' || n from generate_series(1, 2000) as n`);
    const job = await scene.prepare('t');
    await scene.settle(job);
    await scene.run('delete from t where id % 10 <> 0');
    await scene.settle(job);
    expect(await pruneStamps(scene.pool, job, signal)).toBe(1_800);
    expect(await scene.wrong('t')).toEqual([]);
  });

  test('are not touched for a job that has changed', async () => {
    await fill(1_500);
    const job = await scene.prepare('t');
    await scene.settle(job);
    await scene.run('delete from t');
    await scene.settle(job);
    await scene.prepare('t', { model: 'm2' });
    await expect(pruneStamps(scene.pool, job, signal)).rejects.toMatchObject({ code: 'JOB_CHANGED' });
    expect(await countOf('lamplighter.embedding_stamp')).toBe(1_500);
  });
});
