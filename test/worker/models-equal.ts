import { expect } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { queueClient } from './models-worker.ts';

const SCHEMA = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 8 }, age: { type: 'integer', minimum: 0, maximum: 120 } },
  required: ['name', 'age'],
  additionalProperties: false,
};
const PROMPT = 'Once upon a time';
const TEXT = 'A queue hands each job to exactly one worker.';
const OTHERS = ['The sea', 'What shines at night, and for whom does it shine?', 'x', 'lamp '.repeat(40)];

/** Each has the count of requests as its only parameter and gives their ids. */
const KINDS = {
  plain: `steadytext_generate_batch_async(array_fill('${PROMPT}'::text, array[$1::int]), 24, false)`,
  json: `(select array_agg(steadytext_generate_json_async('${PROMPT}', '${JSON.stringify(SCHEMA)}', 96, false)) from generate_series(1, $1::int))`,
  choice: `(select array_agg(steadytext_generate_choice_async('${PROMPT}', array['a lamp', 'a whale', 'a lamp post'], 24, false)) from generate_series(1, $1::int))`,
  embed: `steadytext_embed_batch_async(array_fill('${TEXT}'::text, array[$1::int]), false)`,
};
type Kind = keyof typeof KINDS;

/** Requests at once of a kind; they make 100. */
const BATCHES = [1, 2, 3, 5, 8, 13, 21, 34, 7, 6];

/**
 * Queues 100 equal requests of each kind at once, in batches of several sizes with other requests between them, and expects 100 equal
 * answers of each, given by as many workers as are named.
 */
export async function expectEqualAnswers(
  db: Pick<TestDatabase, 'pool'>,
  { workers, timeoutMs }: { readonly workers: number; readonly timeoutMs: number },
): Promise<Readonly<Record<Kind, string>>> {
  const { enqueue, rows, results } = queueClient(db);
  const kinds = Object.keys(KINDS) as Kind[];
  const ids: Record<Kind, string[]> = { plain: [], json: [], choice: [], embed: [] };
  const others: string[] = [];
  // On several connections: batches of all kinds come mixed, while the first are answered already.
  await Promise.all(
    BATCHES.flatMap((size, at) => [
      ...kinds.map(async (kind) => {
        ids[kind].push(...(await enqueue(KINDS[kind], [size])));
      }),
      (async () => {
        const text = `${OTHERS[at % OTHERS.length]} ${at}`;
        others.push(...(await enqueue('steadytext_generate_async($1, 12, false)', [text])));
        others.push(...(await enqueue('steadytext_embed_batch_async($1, false)', [[text, `${text} and more`]])));
      })(),
    ]),
  );
  const answers: Record<Kind, string> = { plain: '', json: '', choice: '', embed: '' };
  const answeredBy = new Set<string | null>();
  for (const kind of kinds) {
    const given = await rows(ids[kind], timeoutMs);
    expect(given).toHaveLength(100);
    const texts = new Set(given.map(({ result }) => result));
    expect([...texts], `answers of the kind ${kind}`).toHaveLength(1);
    for (const { worker_id } of given) answeredBy.add(worker_id);
    answers[kind] = [...texts][0] ?? '';
  }
  expect(answeredBy.size).toBe(workers);
  await results(others, timeoutMs);
  expect(answers.plain.length).toBeGreaterThan(0);
  expect(JSON.parse(answers.json)).toMatchObject({ name: expect.any(String), age: expect.any(Number) });
  expect(['a lamp', 'a whale', 'a lamp post']).toContain(answers.choice);
  return answers;
}
