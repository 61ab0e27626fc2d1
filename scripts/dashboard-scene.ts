/** What the pages of docs/dashboard.md show: the demo's articles, and some of what goes wrong. */
import { ARTICLES } from '../src/cli/demo/search-steps.ts';

export type Ask = (text: string, params?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

const MODEL = 'builtin/lexical';

/** Requests that complete, fail, wait for a worker that serves them, and were cancelled. */
export async function queueRequests(ask: Ask): Promise<void> {
  const bodies = ARTICLES.map(({ body }) => body);
  await ask(`select steadytext_embed_batch_async($1, use_cache => false, model => '${MODEL}')`, [bodies]);
  await ask(`select steadytext_rerank_async('Who may marry?', $1, model => '${MODEL}')`, [bodies.slice(10, 20)]);
  await ask(`insert into steadytext_queue (function_name, model, parameters)
    select 'embed', '${MODEL}', '{"text": "Repair the lamp"}' from generate_series(1, 3)`);
  await ask(`insert into steadytext_queue (function_name, model, parameters)
    select 'embed', '${MODEL}', '{"text_input": " "}' from generate_series(1, 2)`);
  for (const { number } of ARTICLES.slice(0, 12)) {
    await ask(`select steadytext_generate_async($1, 64, model => 'qwen3-0.6b')`, [
      `Explain article ${number} to a child.`,
    ]);
  }
  await ask(
    `select steadytext_cancel_async(request_id) from steadytext_queue where function_name = 'generate' limit 1`,
  );
}

const queueTask = (ask: Ask, text: string, name: string) => ask('select lantern.async_task($1, $2)', [text, name]);

/** Tasks that succeed, and one that fails. */
export async function queueTasks(ask: Ask): Promise<void> {
  await ask('create table visit as select n as id, md5(n::text) as page from generate_series(1, 150000) as n');
  await queueTask(ask, 'analyze visit', 'statistics');
  await queueTask(ask, 'select pg_sleep(haha);', 'a name misspelt');
  await queueTask(ask, 'delete from visit where id % 10 = 0', 'every tenth visit');
}

/** Tasks that go on: one waits for the lock that the session of `hold` keeps. */
export async function queueLongTasks(ask: Ask, hold: Ask): Promise<void> {
  await hold('begin');
  await hold('lock table visit in share update exclusive mode');
  await queueTask(ask, 'create index concurrently visit_by_page on visit (page)', 'index on visit');
  await queueTask(ask, 'select pg_sleep(600)', 'a long report');
}

/** Tables of articles, products and letters with their jobs. */
export async function addJobs(ask: Ask): Promise<void> {
  await ask(`create table article (number integer primary key, body text)`);
  await ask('insert into article select * from unnest($1::int[], $2::text[])', [
    ARTICLES.map(({ number }) => number),
    ARTICLES.map(({ body }) => body),
  ]);
  await ask(`create table product (id integer primary key, name text)`);
  await ask(`insert into product select n, (array['gas lamp for a street corner', 'garden chair of oak', 'ladder of six steps',
    'oil lamp for a table'])[n % 4 + 1] || ', no. ' || n from generate_series(1, 20000) as n`);
  await ask(`create table letter (id integer primary key, body text)`);
  await ask(`insert into letter values (1, 'Dear lamplighter')`);
  await ask(`create table jobs (id serial primary key, db_connection text, init_started_at timestamp, init_failed_at timestamp,
    init_finished_at timestamp, init_failure_reason text, canceled_at timestamp, schema text, "table" text, src_column text,
    dst_column text, embedding_model text, max_rows_per_second integer)`);
  await ask(`insert into jobs ("table", src_column, dst_column, embedding_model, max_rows_per_second)
    values ('article', 'body', 'embedding', '${MODEL}', null), ('product', 'name', 'embedding', '${MODEL}', 400),
      ('letter', 'body', 'embedding', '${MODEL}', null)`);
}

/** The hour before, as if it had been measured: the demo is over in seconds. Ten minutes of it nobody measured. */
export async function measurePast(ask: Ask): Promise<void> {
  await ask(`
    insert into lamplighter.metric_lane (system, function_name, model)
    values ('requests', '', ''), ('tasks', '', ''), ('jobs', '', '') on conflict do nothing`);
  await ask(`
    insert into lamplighter.metric_minute (lane, minute, source, enqueued, completed, failed, retries, oldest_pending_s, waits, runs)
    select l.id, date_trunc('minute', now()) - make_interval(mins => n), gen_random_uuid(),
      (wave * 1.02)::int, wave::int, (wave * 0.012 * (1 + (n % 17 = 4)::int * 5))::int, (wave * 0.02)::int, 0.4 + wave / 1500,
      array[0, 0, (wave * 0.1)::int, (wave * 0.3)::int, (wave * 0.3)::int, (wave * 0.2)::int, (wave * 0.06)::int, (wave * 0.03)::int, (wave * 0.01)::int],
      array[0, (wave * 0.1)::int, (wave * 0.3)::int, (wave * 0.4)::int, (wave * 0.1)::int, (wave * 0.06)::int, (wave * 0.04)::int]
    from lamplighter.metric_lane as l,
      generate_series(1, 59) as n,
      lateral (select 1200 + 500 * sin(n / 9.0) + 180 * sin(n * 1.7) + 90 * cos(n * 3.1) as wave) as w
    where l.system = 'requests' and l.function_name = '' and n not between 22 and 31`);
}
