import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

/** Statements that users of pg_steadytext have, letter by letter, run by a role that was granted the use of the queue. */
let db: TestDatabase;
let app: pg.Client;
beforeAll(async () => {
  db = await createTestDatabase();
  const role = await db.createRole('app');
  await db.pool.query('select lamplighter.grant_caller($1)', [role.name]);
  await db.pool.query(`grant create on schema public to ${pg.escapeIdentifier(role.name)}`);
  app = new pg.Client({ connectionString: role.uri });
  await app.connect();
  await app.query(FIXTURE);
});
afterAll(async () => {
  await app.end();
  await db[Symbol.asyncDispose]();
});

const FIXTURE = `
  create table articles (id int primary key, title text, content text, summary text, needs_summary boolean default true, date_published date default current_date);
  create table documents (id int primary key, content text, embedding real[], summary text, summarized_at timestamptz, doc_type text,
    processed boolean default false, needs_embedding boolean default true);
  create table embedding_queue (doc_id int, request_id uuid, processed boolean default false);
  create table processing_queue (doc_id int, request_id uuid, created_at timestamptz);
  create table reviews (review_id int, review_text text, sentiment text);
  create table products (description text, category text);
  create table batch_results (request_id uuid, article_id int);
  create table user_searches (id int, user_id int, user_query text, created_at timestamptz default now());
  create table search_jobs (search_id int, rerank_request_id uuid);
  create table summary_jobs (article_id int, request_id uuid);
  create table pipeline_stages (doc_id int, stage text, request_id uuid);
  insert into articles values (1, 'One', 'First article'), (2, 'Two', 'Second article');
  insert into documents (id, content, doc_type) values (123, 'PostgreSQL and machine learning', 'urgent'), (124, 'Another', 'slow');
  insert into reviews values (1, 'Loved it', null);
  insert into products values ('A radio', 'electronics');
  insert into user_searches values (12345, 1, 'machine learning');`;

const ENQUEUE = [
  `SELECT steadytext_generate_async('Write a poem about databases');`,
  `SELECT steadytext_generate_async(prompt := 'Explain PostgreSQL indexing', max_tokens := 1024, seed := 123, priority := 1);`,
  `WITH prompts AS (SELECT id, 'Summarize: ' || content AS prompt FROM articles WHERE needs_summary = true)
   SELECT id, steadytext_generate_async(prompt, max_tokens := 200) AS request_id FROM prompts;`,
  `INSERT INTO embedding_queue (doc_id, request_id)
   SELECT id, steadytext_embed_async(content, priority := 2) FROM documents WHERE embedding IS NULL;`,
  `SELECT steadytext_embed_async(user_query, use_cache := false, priority := 10) AS query_embedding_id FROM user_searches;`,
  `WITH extraction_jobs AS (
     SELECT id AS doc_id, steadytext_generate_json_async('Extract entities from: ' || content,
       '{"type": "object", "properties": {"entities": {"type": "array"}}}'::jsonb,
       priority := CASE WHEN doc_type = 'urgent' THEN 5 ELSE 0 END) AS request_id
     FROM documents WHERE processed = false)
   INSERT INTO processing_queue (doc_id, request_id, created_at) SELECT doc_id, request_id, NOW() FROM extraction_jobs;`,
  `SELECT review_id, steadytext_generate_choice_async('Sentiment: ' || review_text, ARRAY['positive', 'negative', 'neutral'], priority := 1) AS sentiment_request_id
   FROM reviews WHERE sentiment IS NULL;`,
  `WITH batch_job AS (
     SELECT steadytext_generate_batch_async(ARRAY_AGG('Summarize: ' || content), max_tokens := 150, priority := 3) AS request_ids
     FROM articles WHERE date_published = CURRENT_DATE)
   INSERT INTO batch_results (request_id, article_id)
   SELECT unnest(request_ids), article_id FROM batch_job, generate_series(1, array_length(request_ids, 1)) AS article_id;`,
  `SELECT steadytext_embed_batch_async(ARRAY(SELECT description FROM products WHERE category = 'electronics'), priority := 2) AS embedding_requests;`,
  `WITH search_job AS (
     SELECT steadytext_rerank_async(user_query, ARRAY(SELECT content FROM documents
         WHERE to_tsvector('english', content) @@ plainto_tsquery('english', user_query) LIMIT 100), priority := 5) AS rerank_request_id
     FROM user_searches WHERE id = 12345)
   INSERT INTO search_jobs (search_id, rerank_request_id) SELECT 12345, rerank_request_id FROM search_job;`,
  `SELECT steadytext_generate_regex_async('My phone number is', '\\d{3}-\\d{3}-\\d{4}', max_tokens := 50);`,
  `SELECT unnest(steadytext_generate_batch_async(ARRAY['Prompt 1', 'Prompt 2', 'Prompt 3']));`,
  `SELECT request_id FROM steadytext_generate_async('Write a story', priority := 10);`,
  `SELECT request_id FROM steadytext_rerank_async('search query', ARRAY(SELECT content FROM documents));`,
  `SELECT request_id FROM steadytext_rerank_async(query := 'machine learning tutorials',
     documents := ARRAY(SELECT content FROM documents), task := 'find beginner-friendly tutorials', seed := 123);`,
];

test.each(ENQUEUE)('queues: %s', async (statement) => {
  await app.query('delete from steadytext_queue');
  await app.query(statement);
  const { rows } = await app.query('select from steadytext_queue');
  expect(rows.length).toBeGreaterThan(0);
});

test('what a statement queues, the same statement can check and cancel', async () => {
  const checked = await app.query(
    `WITH requests AS (SELECT unnest(steadytext_generate_batch_async(ARRAY['Explain SQL', 'Explain NoSQL', 'Explain NewSQL'], max_tokens := 200)) AS request_id)
     SELECT request_id, status, substring(result, 1, 50) || '...' AS result_preview FROM requests r, LATERAL steadytext_check_async(r.request_id);`,
  );
  expect(checked.rows.map(({ status }) => status)).toEqual(['pending', 'pending', 'pending']);
  const counted = await app.query(
    `WITH mixed_requests AS (SELECT ARRAY[steadytext_generate_async('Mixed test 1', 10), steadytext_generate_async('Mixed test 2', 20), steadytext_generate_async('Mixed test 3', 30)] AS request_ids),
     cancelled_request AS (SELECT steadytext_cancel_async(request_ids[2]) AS cancelled FROM mixed_requests),
     batch_status AS (SELECT * FROM mixed_requests mr, LATERAL steadytext_check_async_batch(mr.request_ids))
     SELECT count(*)::int FROM batch_status;`,
  );
  expect(counted.rows).toEqual([{ count: 3 }]);
  const cancelled = await app.query(
    `WITH cancellation_test AS (SELECT ARRAY[steadytext_generate_async('Cancel test 1', 10), steadytext_generate_async('Cancel test 2', 20)] AS request_ids)
     SELECT steadytext_cancel_async(request_ids[1]) AS cancel1, steadytext_cancel_async(request_ids[2]) AS cancel2 FROM cancellation_test;`,
  );
  expect(cancelled.rows).toEqual([{ cancel1: true, cancel2: true }]);
});

test('fire and forget: a function that queues, and one that collects later', async () => {
  await app.query('delete from steadytext_queue');
  await app.query(`CREATE OR REPLACE FUNCTION queue_daily_summaries() RETURNS void AS $$
    BEGIN
      INSERT INTO summary_jobs (article_id, request_id)
      SELECT id, steadytext_generate_async('Summarize: ' || title || ' - ' || content, max_tokens := 200)
      FROM articles WHERE summary IS NULL;
    END; $$ LANGUAGE plpgsql;`);
  await app.query('SELECT queue_daily_summaries()');
  await (await startSqlWorker(db.pool)).answer('A summary');
  const collected = await app.query(
    `UPDATE articles a SET summary = r.result
     FROM (SELECT j.article_id, steadytext_get_async_result(j.request_id, 30) AS result FROM summary_jobs j) r
     WHERE a.id = r.article_id AND r.result IS NOT NULL returning a.id, a.summary`,
  );
  expect(collected.rows).toEqual([
    { id: 1, summary: 'A summary' },
    { id: 2, summary: 'A summary' },
  ]);
});

test('the pipeline queues its stages and shows their state', async () => {
  await app.query('delete from steadytext_queue');
  // As documented but for the name of the argument, which is ambiguous in PL/pgSQL.
  await app.query(`CREATE OR REPLACE FUNCTION process_document_pipeline(p_doc_id INTEGER) RETURNS TABLE(stage TEXT, request_id UUID, status TEXT) AS $$
    BEGIN
      INSERT INTO pipeline_stages (doc_id, stage, request_id) VALUES (p_doc_id, 'summary', steadytext_generate_async(
        'Summarize: ' || (SELECT content FROM documents WHERE id = p_doc_id), max_tokens := 150, priority := 5));
      INSERT INTO pipeline_stages (doc_id, stage, request_id) VALUES (p_doc_id, 'entities', steadytext_generate_json_async(
        'Extract entities: ' || (SELECT content FROM documents WHERE id = p_doc_id),
        '{"type": "object", "properties": {"entities": {"type": "array"}}}'::jsonb, priority := 4));
      INSERT INTO pipeline_stages (doc_id, stage, request_id) VALUES (p_doc_id, 'embedding', steadytext_embed_async(
        (SELECT content FROM documents WHERE id = p_doc_id), priority := 3));
      RETURN QUERY SELECT ps.stage, ps.request_id, sq.status FROM pipeline_stages ps
        JOIN steadytext_queue sq ON ps.request_id = sq.request_id WHERE ps.doc_id = p_doc_id;
    END; $$ LANGUAGE plpgsql;`);
  const { rows } = await app.query('SELECT stage, status FROM process_document_pipeline(123)');
  expect(rows).toEqual([
    { stage: 'summary', status: 'pending' },
    { stage: 'entities', status: 'pending' },
    { stage: 'embedding', status: 'pending' },
  ]);
});

test('completed embeddings are collected through a join with the queue', async () => {
  await app.query('delete from steadytext_queue; delete from embedding_queue');
  await app.query(
    `INSERT INTO embedding_queue (doc_id, request_id) SELECT id, steadytext_embed_async(content) FROM documents WHERE embedding IS NULL`,
  );
  await (await startSqlWorker(db.pool)).answer('[0.5,0.25]');
  await app.query(`CREATE OR REPLACE FUNCTION process_completed_embeddings() RETURNS void AS $$
    DECLARE rec RECORD;
    BEGIN
      FOR rec IN SELECT eq.doc_id, eq.request_id FROM embedding_queue eq JOIN steadytext_queue sq ON eq.request_id = sq.request_id
        WHERE sq.status = 'completed' AND eq.processed = false
      LOOP
        UPDATE documents SET embedding = steadytext_embedding(rec.request_id) WHERE id = rec.doc_id;
        UPDATE embedding_queue SET processed = true WHERE request_id = rec.request_id;
      END LOOP;
    END; $$ LANGUAGE plpgsql;`);
  await app.query('select process_completed_embeddings()');
  expect((await app.query('select embedding from documents')).rows).toEqual([
    { embedding: [0.5, 0.25] },
    { embedding: [0.5, 0.25] },
  ]);
});

const MONITORING = [
  `SELECT request_id, status, EXTRACT(EPOCH FROM (NOW() - created_at)) AS waiting_seconds
   FROM steadytext_queue WHERE status IN ('pending', 'processing') ORDER BY priority DESC, created_at;`,
  `SELECT * FROM queue_health`,
  `SELECT * FROM check_queue_health()`,
  `SELECT * FROM steadytext_worker_status();`,
  `SELECT * FROM steadytext_queue_stats();`,
  `SELECT request_id, function_name, EXTRACT(EPOCH FROM (NOW() - started_at)) as processing_seconds FROM steadytext_queue WHERE status = 'processing' ORDER BY started_at;`,
  `SELECT request_id, function_name, parameters, status, error, created_at, started_at, completed_at FROM steadytext_queue
   WHERE request_id = (select request_id from steadytext_queue limit 1);`,
  `WITH stats AS (
     SELECT function_name, COUNT(*) as total_requests, AVG(EXTRACT(EPOCH FROM (completed_at - started_at))) as avg_processing_time,
       PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY EXTRACT(EPOCH FROM (completed_at - started_at))) as p95_processing_time
     FROM steadytext_queue WHERE status = 'completed' AND completed_at > NOW() - INTERVAL '1 hour' GROUP BY function_name)
   SELECT * FROM stats ORDER BY avg_processing_time DESC;`,
  `SELECT * FROM queue_depth_history`,
  `SELECT COUNT(*) FILTER (WHERE status = 'pending') as pending_requests, COUNT(*) FILTER (WHERE status = 'processing') as processing_requests,
     COUNT(*) FILTER (WHERE status = 'failed') as failed_requests, AVG(EXTRACT(EPOCH FROM (started_at - created_at))) as avg_queue_time_seconds
   FROM steadytext_queue WHERE created_at > NOW() - INTERVAL '1 hour';`,
  'SELECT * FROM steadytext_queue ORDER BY created_at DESC LIMIT 10;',
  `SELECT * FROM steadytext_queue WHERE status = 'failed';`,
  'SELECT (steadytext_check_async((select request_id from steadytext_queue limit 1))).status;',
];

test('monitoring statements, views and functions show a queue with requests in every state', async () => {
  await app.query('delete from steadytext_queue');
  await app.query(`CREATE OR REPLACE VIEW queue_health AS
    SELECT status, COUNT(*) as count, AVG(EXTRACT(EPOCH FROM (NOW() - created_at))) as avg_age_seconds,
      MIN(priority) as min_priority, MAX(priority) as max_priority FROM steadytext_queue GROUP BY status;`);
  await app.query(`CREATE OR REPLACE VIEW queue_depth_history AS
    SELECT date_trunc('minute', created_at) as minute, COUNT(*) FILTER (WHERE status = 'pending') as pending_count,
      COUNT(*) FILTER (WHERE status = 'processing') as processing_count, COUNT(*) FILTER (WHERE status = 'completed') as completed_count,
      COUNT(*) FILTER (WHERE status = 'failed') as failed_count
    FROM steadytext_queue WHERE created_at > NOW() - INTERVAL '1 hour' GROUP BY minute ORDER BY minute DESC;`);
  await app.query(`CREATE OR REPLACE FUNCTION check_queue_health() RETURNS TABLE(alert_level TEXT, message TEXT) AS $$
    BEGIN
      IF (SELECT count FROM queue_health WHERE status = 'pending') > 1000 THEN
        RETURN QUERY SELECT 'WARNING', 'Queue backup: >1000 pending requests'; END IF;
      IF EXISTS (SELECT 1 FROM steadytext_queue WHERE status = 'pending' AND created_at < NOW() - INTERVAL '10 minutes') THEN
        RETURN QUERY SELECT 'WARNING', 'Old pending requests detected'; END IF;
      IF EXISTS (SELECT 1 FROM steadytext_queue WHERE status = 'processing' AND started_at < NOW() - INTERVAL '5 minutes') THEN
        RETURN QUERY SELECT 'ERROR', 'Stuck processing requests detected'; END IF;
      RETURN QUERY SELECT 'OK', 'Queue healthy';
    END; $$ LANGUAGE plpgsql;`);
  const worker = await startSqlWorker(db.pool);
  await app.query(`select steadytext_embed_batch_async(array['a', 'b', 'c'])`);
  const [first, second] = await worker.claim();
  if (first === undefined || second === undefined) throw new Error('expected two requests');
  await worker.finish([first], { kind: 'completed', result: '[1]' });
  await worker.finish([second], { kind: 'failed', error: 'e' });
  await app.query(`select steadytext_embed_async('d')`);
  await app.query(`select steadytext_cancel_async(steadytext_embed_async('e'))`);
  for (const statement of MONITORING) {
    const { rows } = await app.query(statement);
    expect(rows.length, statement).toBeGreaterThan(0);
  }
  expect((await app.query('SELECT status, count::int FROM queue_health order by status')).rows).toEqual([
    { status: 'cancelled', count: 1 },
    { status: 'completed', count: 1 },
    { status: 'failed', count: 1 },
    { status: 'pending', count: 1 },
    { status: 'processing', count: 1 },
  ]);
  expect((await app.query('SELECT * FROM check_queue_health()')).rows).toEqual([
    { alert_level: 'OK', message: 'Queue healthy' },
  ]);
});

test('old pending requests are cancelled in bulk, by priority or by age', async () => {
  await app.query(`select steadytext_embed_batch_async(array['a', 'b'])`);
  await db.pool.query(
    `update steadytext_queue set created_at = created_at - interval '2 hours' where status = 'pending'`,
  );
  const { rows } = await app.query(
    `SELECT request_id, steadytext_cancel_async(request_id) AS cancelled FROM steadytext_queue
     WHERE status = 'pending' AND created_at < NOW() - INTERVAL '1 hour';`,
  );
  expect(rows.length).toBeGreaterThanOrEqual(2);
  expect(rows.every(({ cancelled }) => cancelled === true)).toBe(true);
});

test('the worker check that looks at one row sees the running worker', async () => {
  await (await startSqlWorker(db.pool)).fallSilent();
  await startSqlWorker(db.pool);
  await app.query(`do $$
    declare
      w record;
    begin
      select * into w from steadytext_worker_status();
      if w.status is distinct from 'running' then
        raise exception 'no running worker: %', w.status;
      end if;
    end $$`);
});

test('ids written as plain text literals are taken where one id is asked for, and need a cast in an array', async () => {
  const id = '550e8400-e29b-41d4-a716-446655440000';
  expect((await app.query(`SELECT * FROM steadytext_check_async('${id}')`)).rows).toEqual([]);
  expect((await app.query(`SELECT steadytext_cancel_async('${id}') as is_cancelled`)).rows).toEqual([
    { is_cancelled: false },
  ]);
  expect(
    await sqlErrorOf(app, `SELECT * FROM steadytext_get_async_result('${id}', timeout_seconds := 30)`),
  ).toMatchObject({
    message: `Request ID ${id} not found`,
    code: 'P0001',
  });
  expect((await app.query(`SELECT * FROM steadytext_check_async_batch(ARRAY['${id}'::uuid])`)).rows).toEqual([]);
  expect((await app.query('SELECT * FROM steadytext_check_async_batch($1)', [[id]])).rows).toEqual([]);
});
