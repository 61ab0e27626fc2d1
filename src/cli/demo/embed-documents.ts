import { type DemoStep, demand } from './demo-step.ts';
import { readParagraphs } from './read-paragraphs.ts';

export const embedDocuments: DemoStep = async (narrator) => {
  const paragraphs = await readParagraphs();
  narrator.step(
    'Embed the documentation',
    `${paragraphs.length} paragraphs of Lamplighter's own docs/, queued by one statement and answered in batches.`,
  );
  await narrator.run(`
    create table paragraph (id integer generated always as identity, page text, body text, request uuid, embedding real[])`);
  await narrator.run(
    `
    insert into paragraph (page, body)
    select page, body from jsonb_to_recordset($1) as doc (page text, body text)`,
    [JSON.stringify(paragraphs)],
  );
  await narrator.run(`
    with batch as (
      select array_agg(id order by id) as ids, steadytext_embed_batch_async(array_agg(body order by id)) as requests
      from paragraph
    )
    update paragraph set request = queued.request
    from batch, unnest(batch.ids, batch.requests) as queued (id, request)
    where paragraph.id = queued.id`);
  const [row] = await narrator.run<{ answered: string }>(`
    select count(steadytext_get_async_result(request)) as answered from paragraph`);
  demand(Number(row?.answered) === paragraphs.length, 'every paragraph gets a vector');
  await narrator.run('update paragraph set embedding = steadytext_embedding(request)');
};
