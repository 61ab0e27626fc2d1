import { ARTICLES } from './articles.ts';
import { type DemoStep, demand } from './demo-step.ts';

/** The questions of the demo, and the article that answers each. */
const QUESTIONS = [
  { body: 'Is slavery allowed?', article: 4 },
  { body: 'May I leave my country?', article: 13 },
  { body: 'Is elementary education free?', article: 26 },
];

export const embedDocuments: DemoStep = async (narrator) => {
  narrator.step(
    'Embed documents',
    `The ${ARTICLES.length} articles of the Universal Declaration of Human Rights: queued by one statement, answered in batches.`,
  );
  await narrator.run(`
    create table article (
      number integer primary key, body text, request uuid, embedding real[])`);
  await narrator.run(
    `
    insert into article (number, body, request)
    select number, body, steadytext_embed_async(body)
    from jsonb_to_recordset($1) as doc (number integer, body text)`,
    [JSON.stringify(ARTICLES)],
  );
  const [row] = await narrator.run<{ answered: string }>(`
    select count(steadytext_get_async_result(request)) as answered
    from article`);
  demand(Number(row?.answered) === ARTICLES.length, 'every article gets a vector');
  await narrator.run('update article set embedding = steadytext_embedding(request)');
};

export const answerQuestions: DemoStep = async (narrator) => {
  narrator.step(
    'Answer questions by similarity',
    'Vectors have length 1, so their cosine is a sum of products, which plain SQL computes. pgvector has an operator and an index for it.',
  );
  const values = QUESTIONS.map(({ body }, at) => `(${at + 1}, '${body}')`).join(',\n                 ');
  await narrator.run(`
    create table question as
    select id, body, steadytext_embed_async(body) as request
    from (values ${values}) as asked (id, body)`);
  await narrator.run(`
    select count(steadytext_get_async_result(request)) as answered
    from question`);
  const rows = await narrator.run<{ article: number }>(`
    select question.body as question, round(best.cosine::numeric, 2) as cosine,
           best.number as article, left(best.body, 46) || '..' as text
    from question
    cross join lateral (
      select sum(a::float8 * b) as cosine, article.number, article.body
      from article
      cross join unnest(
        article.embedding, steadytext_embedding(question.request)) as v (a, b)
      group by article.number
      order by cosine desc
      limit 1
    ) as best
    order by question.id`);
  demand(
    rows.length === QUESTIONS.length && rows.every(({ article }, at) => article === QUESTIONS[at]?.article),
    'each question finds the article that answers it',
  );
};

export const rerankAnswers: DemoStep = async (narrator) => {
  narrator.step(
    'Rerank',
    'A model scores each document together with the question. That is slower than comparing vectors, and more exact.',
  );
  const [queued] = await narrator.run<{ request: string }>(`
    select steadytext_rerank_async(
      'Do I get equal pay for equal work?', array_agg(body)) as request
    from article`);
  const rows = await narrator.run<{ document: string }>(`
    select round((ranked ->> 1)::numeric, 2) as score,
           left(ranked ->> 0, 65) || '..' as document
    from jsonb_array_elements(
      steadytext_get_async_result('${queued?.request}')::jsonb
    ) as ranked
    limit 3`);
  demand(rows[0]?.document.startsWith('Everyone has the right to work') === true, 'the article on work comes first');
};
