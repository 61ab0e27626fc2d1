import { type DemoStep, demand } from './demo-step.ts';

export const hitCache: DemoStep = async (narrator) => {
  narrator.step(
    'Hit the cache',
    'The same question about all paragraphs, twice. The second time the answer is the stored one, and the model is not asked; ' +
      'with use_cache => false it would be. The larger the model, the more that saves.',
  );
  await narrator.run('create table asked (name text, request uuid)');
  for (const name of ['first', 'again']) {
    await narrator.run(`
      insert into asked
      select '${name}', steadytext_rerank_async('what happens when a worker dies?', array_agg(body order by id))
      from paragraph`);
    await narrator.run(`
      select steadytext_get_async_result(request)::jsonb -> 0 ->> 1 as best_score from asked where name = '${name}'`);
  }
  const [row] = await narrator.run<{ is_equal: boolean }>(`
    select round(extract(epoch from first.completed_at - first.started_at)::numeric * 1000, 1) as first_ms,
           round(extract(epoch from again.completed_at - again.started_at)::numeric * 1000, 1) as again_ms,
           first.result = again.result as is_equal
    from steadytext_queue as first, steadytext_queue as again
    where first.request_id = (select request from asked where name = 'first')
      and again.request_id = (select request from asked where name = 'again')`);
  demand(row?.is_equal === true, 'both answers are equal');
};
