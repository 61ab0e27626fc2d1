import { type DemoStep, demand } from './narrator.ts';

/** One of the thirty articles of the Universal Declaration of Human Rights (United Nations, 1948). */
interface Article {
  readonly number: number;
  readonly body: string;
}

const TEXTS = [
  'All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience and should act towards one another in a spirit of brotherhood.',
  'Everyone is entitled to all the rights and freedoms set forth in this Declaration, without distinction of any kind, such as race, colour, sex, language, religion, political or other opinion, national or social origin, property, birth or other status.',
  'Everyone has the right to life, liberty and security of person.',
  'No one shall be held in slavery or servitude; slavery and the slave trade shall be prohibited in all their forms.',
  'No one shall be subjected to torture or to cruel, inhuman or degrading treatment or punishment.',
  'Everyone has the right to recognition everywhere as a person before the law.',
  'All are equal before the law and are entitled without any discrimination to equal protection of the law.',
  'Everyone has the right to an effective remedy by the competent national tribunals for acts violating the fundamental rights granted him by the constitution or by law.',
  'No one shall be subjected to arbitrary arrest, detention or exile.',
  'Everyone is entitled in full equality to a fair and public hearing by an independent and impartial tribunal, in the determination of his rights and obligations and of any criminal charge against him.',
  'Everyone charged with a penal offence has the right to be presumed innocent until proved guilty according to law in a public trial at which he has had all the guarantees necessary for his defence.',
  'No one shall be subjected to arbitrary interference with his privacy, family, home or correspondence, nor to attacks upon his honour and reputation. Everyone has the right to the protection of the law against such interference or attacks.',
  'Everyone has the right to freedom of movement and residence within the borders of each State. Everyone has the right to leave any country, including his own, and to return to his country.',
  'Everyone has the right to seek and to enjoy in other countries asylum from persecution.',
  'Everyone has the right to a nationality. No one shall be arbitrarily deprived of his nationality nor denied the right to change his nationality.',
  'Men and women of full age, without any limitation due to race, nationality or religion, have the right to marry and to found a family. Marriage shall be entered into only with the free and full consent of the intending spouses.',
  'Everyone has the right to own property alone as well as in association with others. No one shall be arbitrarily deprived of his property.',
  'Everyone has the right to freedom of thought, conscience and religion; this right includes freedom to change his religion or belief, and to manifest his religion or belief in teaching, practice, worship and observance.',
  'Everyone has the right to freedom of opinion and expression; this right includes freedom to hold opinions without interference and to seek, receive and impart information and ideas through any media and regardless of frontiers.',
  'Everyone has the right to freedom of peaceful assembly and association. No one may be compelled to belong to an association.',
  'Everyone has the right to take part in the government of his country, directly or through freely chosen representatives. The will of the people shall be the basis of the authority of government; this will shall be expressed in periodic and genuine elections.',
  'Everyone, as a member of society, has the right to social security and is entitled to realization of the economic, social and cultural rights indispensable for his dignity and the free development of his personality.',
  'Everyone has the right to work, to free choice of employment, to just and favourable conditions of work and to protection against unemployment. Everyone, without any discrimination, has the right to equal pay for equal work. Everyone has the right to form and to join trade unions.',
  'Everyone has the right to rest and leisure, including reasonable limitation of working hours and periodic holidays with pay.',
  'Everyone has the right to a standard of living adequate for the health and well-being of himself and of his family, including food, clothing, housing and medical care and necessary social services, and the right to security in the event of unemployment, sickness, disability, widowhood or old age.',
  'Everyone has the right to education. Education shall be free, at least in the elementary and fundamental stages. Elementary education shall be compulsory. Parents have a prior right to choose the kind of education that shall be given to their children.',
  'Everyone has the right freely to participate in the cultural life of the community, to enjoy the arts and to share in scientific advancement and its benefits.',
  'Everyone is entitled to a social and international order in which the rights and freedoms set forth in this Declaration can be fully realized.',
  'Everyone has duties to the community in which alone the free and full development of his personality is possible.',
  'Nothing in this Declaration may be interpreted as implying for any State, group or person any right to engage in any activity or to perform any act aimed at the destruction of any of the rights and freedoms set forth herein.',
];

/** What the demo embeds and searches; some articles without their later paragraphs. */
export const ARTICLES: readonly Article[] = TEXTS.map((body, at) => ({ number: at + 1, body }));

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
