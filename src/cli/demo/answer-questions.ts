import { type DemoStep, demand } from './demo-step.ts';

export const answerQuestions: DemoStep = async (narrator) => {
  narrator.step(
    'Answer questions by similarity',
    'Vectors have length 1, so the sum of products is the cosine: plain SQL does. With pgvector it is an operator and an index.',
  );
  await narrator.run(`
    create table question as
    select id, body, steadytext_embed_async(body) as request
    from (values (1, 'How long is the lease of a worker?'),
                 (2, 'Who may see the requests of another role?'),
                 (3, 'How do I queue and wait in one transaction?')) as asked (id, body)`);
  await narrator.run('select count(steadytext_get_async_result(request)) as answered from question');
  const rows = await narrator.run(`
    select question.id as question, best.similarity, best.page, left(best.body, 60) as paragraph
    from question
    cross join lateral (
      select round(sum(a * b)::numeric, 2) as similarity, paragraph.page, paragraph.body
      from paragraph, unnest(paragraph.embedding, steadytext_embedding(question.request)) as product (a, b)
      group by paragraph.id, paragraph.page, paragraph.body
      order by similarity desc, paragraph.id
      limit 2
    ) as best
    order by question.id, best.similarity desc`);
  demand(rows.length === 6, 'each question finds two paragraphs');
};
