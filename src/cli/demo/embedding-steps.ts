import { systemClock } from '../../core/clock.ts';
import type { Queryable } from '../../db/query.ts';
import { type DemoStep, demand } from './narrator.ts';

const PATIENCE_MS = 30_000;
const LOOK_MS = 20;

/** The embedding daemon at work; `db` is asked whether it is done, which is not shown. */
export const keepVectorsInStep =
  (db: Queryable): DemoStep =>
  async (narrator) => {
    const until = async (claim: string, question: string) => {
      const deadlineMs = systemClock.nowMs() + PATIENCE_MS;
      for (;;) {
        const { rows } = await db.query<{ answer: boolean }>(question);
        if (rows[0]?.answer === true) return;
        demand(systemClock.nowMs() < deadlineMs, claim);
        await systemClock.delay(LOOK_MS);
      }
    };
    narrator.step(
      'Keep vectors in step with a column',
      'A row of the table "jobs" names a column of texts. The embedding daemon adds a column of vectors, fills it, and follows every change of a text.',
    );
    await narrator.run('create table product (id integer primary key, name text)');
    await narrator.run(`
      insert into product
      values (1, 'gas lamp for a street corner'), (2, 'garden chair of oak'),
             (3, 'ladder of six steps')`);
    await narrator.run(`
      insert into jobs ("table", src_column, dst_column, embedding_model)
      values ('product', 'name', 'embedding', 'builtin/lexical')`);
    await until('the job is finished', 'select bool_and(init_finished_at is not null) as answer from jobs');
    await narrator.run(`
      select init_progress,
             round(extract(epoch from init_finished_at - created_at), 1) as s
      from jobs`);
    await narrator.run("insert into product values (4, 'oil lamp for a table')");
    await narrator.run("update product set name = 'garden bench of oak' where id = 2");
    const settled = `
      select bool_and(embedding is not null) and (select queued = 0 from lamplighter.embedding_status) as answer from product`;
    await until('changes are followed', settled);
    const rows = await narrator.run<{ name: string }>(`
      select round(sum(a::float8 * b)::numeric, 2) as similarity, other.name
      from product as lamp
      cross join product as other
      cross join unnest(lamp.embedding, other.embedding) as v (a, b)
      where lamp.id = 4
      group by other.id
      order by similarity desc`);
    demand(rows[1]?.name.includes('lamp') === true, 'the other lamp is the nearest to a lamp');
  };
