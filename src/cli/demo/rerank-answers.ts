import { type DemoStep, demand } from './demo-step.ts';

export const rerankAnswers: DemoStep = async (narrator) => {
  narrator.step(
    'Rerank',
    'The five most similar paragraphs, put in order by a second look at each together with the question.',
  );
  const [queued] = await narrator.run<{ request: string }>(`
    select steadytext_rerank_async(body, array(
      select paragraph.body
      from paragraph, unnest(paragraph.embedding, steadytext_embedding(question.request)) as product (a, b)
      group by paragraph.id, paragraph.body
      order by sum(a * b) desc, paragraph.id
      limit 5)) as request
    from question where id = 1`);
  const rows = await narrator.run(`
    select round((ranked ->> 1)::numeric, 2) as score, left(ranked ->> 0, 72) as document
    from jsonb_array_elements(steadytext_get_async_result('${queued?.request}')::jsonb) as ranked`);
  demand(rows.length === 5, 'five documents come back');
};
