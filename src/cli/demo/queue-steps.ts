import { type DemoStep, demand } from './narrator.ts';

export const waitInOneTransaction: DemoStep = async (narrator) => {
  narrator.step(
    'Queue and wait in one transaction',
    'A worker sees a request after its transaction has committed. For one that queues and waits in one statement, the request is ' +
      'committed through a second connection, by dblink.',
  );
  const [row] = await narrator.run<{ result: string | null }>(`
    select steadytext_get_async_result(
      steadytext_rerank_async('who lights the lamps?', array[
        'Electric light', 'Lamps are lit at dusk',
        'The lamplighter lights one lamp after the other'])) as result`);
  demand(
    row?.result?.startsWith('[["The lamplighter') === true,
    'the answer is there before the transaction has committed',
  );
};

export const cancelRequest: DemoStep = async (narrator) => {
  narrator.step(
    'Cancel',
    'A request may name its model. If no worker serves that model, the request waits until one does or until you cancel it.',
  );
  const [queued] = await narrator.run<{ request: string }>(`
    select steadytext_generate_async(
      'A poem about gas light', model => 'openai/some-model') as request`);
  const check = `
    select status
    from steadytext_check_async('${queued?.request}')`;
  await narrator.run(check);
  await narrator.run(`
    select steadytext_cancel_async('${queued?.request}')`);
  const [after] = await narrator.run<{ status: string }>(check);
  demand(after?.status === 'cancelled', 'the request is cancelled');
};

export const retryRequest: DemoStep = async (narrator) => {
  narrator.step(
    'Fix and retry',
    'The queue is a table. This row was inserted by hand, with a wrong parameter: "text" instead of "text_input".',
  );
  const [queued] = await narrator.run<{ request_id: string }>(`
    insert into steadytext_queue (function_name, parameters)
    values ('embed', '{"text": "Repair the lamp"}')
    returning request_id`);
  const id = queued?.request_id;
  await narrator.runToFail(`
    select steadytext_get_async_result('${id}')`);
  await narrator.run(`
    update steadytext_queue set parameters = '{"text_input": "Repair the lamp"}'
    where request_id = '${id}'`);
  await narrator.run(`
    select steadytext_retry('${id}')`);
  const [row] = await narrator.run<{ result: string | null }>(`
    select left(result, 48) || '..' as result
    from steadytext_get_async_result('${id}')`);
  demand(row?.result?.startsWith('[') === true, 'the corrected request has a vector');
};

export const hitCache: DemoStep = async (narrator) => {
  narrator.step(
    'Hit the cache',
    'One question about all pairs of articles, twice. The second answer is the stored first one: the model is not asked again. ' +
      'With use_cache => false it is.',
  );
  await narrator.run('create table asked (name text, request uuid)');
  for (const name of ['first', 'again']) {
    await narrator.run(`
      insert into asked
      select '${name}', steadytext_rerank_async('Who may marry?',
        array_agg(a.body || ' ' || b.body order by a.number, b.number))
      from article as a cross join article as b`);
    await narrator.run(`
      select steadytext_get_async_result(request)::jsonb -> 0 ->> 1 as best_score
      from asked where name = '${name}'`);
  }
  const rows = await narrator.run<{ result_md5: string }>(`
    select name, md5(result) as result_md5,
           round(1000 * extract(epoch from completed_at - started_at), 1) as ms
    from asked join steadytext_queue on request_id = request
    order by started_at`);
  demand(rows.length === 2 && rows[0]?.result_md5 === rows[1]?.result_md5, 'both answers are equal');
};

export const orderByPriority: DemoStep = async (narrator) => {
  narrator.step(
    'Priorities',
    'Three requests wait while the function is paused. When it is resumed, the one with the highest priority is taken first.',
  );
  await narrator.run("select steadytext_pause('embed')");
  await narrator.run(`
    create table errand as
    select n, priority, steadytext_embed_async(
      'Errand number ' || n, priority => priority) as request
    from (values (1, 0), (2, 5), (3, 9)) as listed (n, priority)`);
  await narrator.run("select steadytext_resume('embed')");
  await narrator.run(`
    select count(steadytext_get_async_result(request)) as answered
    from errand`);
  const rows = await narrator.run<{ priority: number }>(`
    select n, errand.priority, rank() over (order by started_at) as turn
    from errand join steadytext_queue on request_id = request
    order by turn, errand.priority desc`);
  demand(rows[0]?.priority === 9, 'the highest priority is first');
};

export const showStatistics: DemoStep = async (narrator) => {
  narrator.step('Statistics', 'What an owner watches: the queue, and the workers.');
  await narrator.run(`
    select function_name, pending, completed, failed, cancelled,
           round(1000 * extract(epoch from avg_processing), 1) as avg_ms,
           round(1000 * extract(epoch from p95_processing), 1) as p95_ms
    from steadytext_queue_stats()`);
  const workers = await narrator.run(`
    select pid, status, concurrency, processed, failed,
           array_to_string(functions, ', ') as functions
    from steadytext_worker_status()`);
  demand(workers.length === 1, 'one worker runs');
};
