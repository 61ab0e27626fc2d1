import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cosine } from '../models/onnx-fixtures.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import type { SpawnedProcess } from '../support/process.ts';
import { hasWeights, readReference, titled, WEIGHTS } from '../support/real-weights.ts';
import { firstValue } from '../support/requests.ts';
import { expectEqualAnswers } from './models-equal.ts';
import {
  type ModelWorkerOptions,
  type QueueClient,
  queueClient,
  scoresOf,
  startModelWorker,
  vectorOf,
  type WorkerModels,
} from './models-worker.ts';

interface Reference {
  readonly query_prefix?: string;
  readonly texts: readonly { readonly text: string; readonly vector: number[] }[];
  readonly passages: readonly string[];
  readonly questions: readonly { readonly query: string; readonly best: number; readonly order_top3?: number[] }[];
}

interface ScoreReference {
  readonly documents: readonly string[];
  readonly rows: readonly { readonly query: string; readonly scores: readonly { readonly score: number }[] }[];
}

/** A database and a worker process for the tests of one block. */
function useWorker(models: WorkerModels, options: ModelWorkerOptions = {}) {
  const used: { db?: TestDatabase; worker?: SpawnedProcess } = {};
  beforeAll(async () => {
    used.db = await createTestDatabase();
    used.worker = await startModelWorker(used.db.uri, models, options);
  }, 90_000);
  afterAll(async () => {
    used.worker?.kill('SIGTERM');
    await used.worker?.exited;
    await used.db?.[Symbol.asyncDispose]();
  }, 60_000);
  const db = () => {
    if (used.db === undefined) throw new Error('not started');
    return used.db;
  };
  return { db, client: (): QueueClient => queueClient(db()) };
}

const embedBatch = async ({ enqueue, results }: QueueClient, texts: readonly string[]) =>
  (await results(await enqueue('steadytext_embed_batch_async($1, false)', [texts]))).map(vectorOf);
const embedOne = async ({ answer }: QueueClient, text: string) =>
  vectorOf(await answer('steadytext_embed_async($1, false)', [text]));

/** Positions of the passages, the one with the largest cosine first. */
function orderOf(query: ArrayLike<number>, passages: readonly ArrayLike<number>[]): number[] {
  return passages
    .map((passage, position) => ({ position, score: cosine(query, passage) }))
    .sort((a, b) => b.score - a.score)
    .map(({ position }) => position);
}

interface Meeting {
  readonly texts: Reference['texts'];
  readonly above: number;
}

/** One batch with all texts, then each alone: near the reference, of length 1, and the same to the last digit. */
async function expectVectors(client: QueueClient, { texts, above }: Meeting): Promise<void> {
  const together = await embedBatch(
    client,
    texts.map(({ text }) => text),
  );
  for (const [at, { text, vector }] of texts.entries()) {
    const given = together[at] ?? [];
    expect(cosine(given, vector), text).toBeGreaterThan(above);
    expect(Math.hypot(...given)).toBeCloseTo(1, 5);
    expect(await embedOne(client, text), text).toEqual(given);
  }
}

describe.skipIf(!hasWeights)(titled('a worker with real weights: MiniLM fp32, stories260K, a cross-encoder'), () => {
  const { db, client } = useWorker({
    embed: `${WEIGHTS}/all-MiniLM-L6-v2`,
    generate: `${WEIGHTS}/stories260K.gguf`,
    rerank: `${WEIGHTS}/random-cross-encoder`,
  });
  const name = 'all-MiniLM-L6-v2';

  it('gives the vectors of the reference, in one batch and one by one', async () => {
    await expectVectors(client(), { texts: readReference<Reference>(name).texts, above: 0.9999 });
  }, 120_000);

  it('orders the passages as the reference does, in one batch and one by one', async () => {
    const { passages, questions } = readReference<Reference>(name);
    const vectors = await embedBatch(client(), passages);
    const queries = await embedBatch(
      client(),
      questions.map(({ query }) => query),
    );
    for (const [at, { query, order_top3 = [] }] of questions.entries()) {
      expect(orderOf(queries[at] ?? [], vectors).slice(0, 3), query).toEqual(order_top3);
      expect(orderOf(await embedOne(client(), query), vectors).slice(0, 3), query).toEqual(order_top3);
    }
  }, 60_000);

  it('ranks with the scores of the reference, all documents at once and each alone', async () => {
    const { documents, rows } = readReference<ScoreReference>('random-cross-encoder');
    const { enqueue, results, answer } = client();
    const ids = await Promise.all(
      rows.map(({ query }) => enqueue('steadytext_rerank_async($1, $2, use_cache => false)', [query, documents])),
    );
    const rankings = await results(ids.flat());
    for (const [at, { query, scores }] of rows.entries()) {
      const ranking = JSON.parse(rankings[at] ?? '') as [string, number][];
      expect(ranking).toHaveLength(documents.length);
      expect(ranking.map(([, score]) => score)).toEqual(ranking.map(([, score]) => score).sort((a, b) => b - a));
      const given = scoresOf(rankings[at] ?? '');
      for (const [position, { score }] of scores.entries()) {
        const document = documents[position] ?? '';
        expect(Math.abs((given.get(document) ?? Number.NaN) - score), `${query}: ${document}`).toBeLessThan(1e-3);
        const alone = scoresOf(
          await answer('steadytext_rerank_async($1, $2, use_cache => false)', [query, [document]]),
        );
        expect(alone.get(document)).toBe(given.get(document));
      }
    }
  }, 60_000);

  it('continues the story as the reference does, alone and in a batch', async () => {
    const { enqueue, results, answer } = client();
    const story = /^, there was a little girl named Lily\. She loved to play outside in the park\./;
    const alone = await answer("steadytext_generate_async('Once upon a time', 64, false)");
    expect(alone).toMatch(story);
    const prompts = ['Once upon a time', 'The cat', 'Once upon a time', 'One day', 'Once upon a time'];
    const given = await results(await enqueue('steadytext_generate_batch_async($1, 64, false)', [prompts]));
    expect(given.filter((_, at) => at % 2 === 0)).toEqual([alone, alone, alone]);
    expect(given[1]).not.toBe(alone);
  }, 60_000);

  it('gives 100 equal answers to 100 equal requests, mixed with others, also from a second worker', async () => {
    const second = await startModelWorker(
      db().uri,
      { embed: `${WEIGHTS}/all-MiniLM-L6-v2`, generate: `${WEIGHTS}/stories260K.gguf` },
      { args: ['--concurrency', '11'] },
    );
    try {
      const { plain } = await expectEqualAnswers(db(), { workers: 2, timeoutMs: 180_000 });
      expect(plain).toMatch(/^, there was a little girl named Lily\./);
    } finally {
      second.kill('SIGTERM');
      await second.exited;
    }
  }, 300_000);

  it('keeps what it gave in the cache, byte for byte', async () => {
    const { answer } = client();
    const [fresh, kept, again] = [
      await answer("steadytext_embed_async('a lamp for the cache')"),
      await answer("steadytext_embed_async('a lamp for the cache')"),
      await answer("steadytext_embed_async('a lamp for the cache', false)"),
    ];
    expect([kept, again]).toEqual([fresh, fresh]);
    const vector = await firstValue<number[]>(
      db().pool,
      `select steadytext_embedding(request_id) from steadytext_queue where result = $1 limit 1`,
      [fresh],
    );
    expect(vector).toEqual(vectorOf(fresh));
  });
});

describe.skipIf(!hasWeights)(titled('a worker with real weights: MiniLM f16 in GGUF'), () => {
  const { client } = useWorker(
    { embed: `${WEIGHTS}/all-MiniLM-L6-v2-f16.gguf` },
    // The file knows the length of the positions only, 512; the model's card says 256, and so do the reference's texts.
    { env: { LAMPLIGHTER_LLAMA_CONTEXT: '256' } },
  );

  it('gives the vectors of the reference, in one batch and one by one, but for two that its tokenizer reads otherwise', async () => {
    const { texts } = readReference<Reference>('all-MiniLM-L6-v2');
    const usual = texts.filter(({ text }) => !/^x{300}$/.test(text) && !text.startsWith('[CLS]'));
    expect(usual).toHaveLength(texts.length - 2);
    await expectVectors(client(), { texts: usual, above: 0.999 });
  }, 240_000);

  it('orders the passages as the reference does', async () => {
    const { passages, questions } = readReference<Reference>('all-MiniLM-L6-v2');
    const vectors = await embedBatch(client(), passages);
    const queries = await embedBatch(
      client(),
      questions.map(({ query }) => query),
    );
    for (const [at, { query, order_top3 = [] }] of questions.entries()) {
      expect(orderOf(queries[at] ?? [], vectors).slice(0, 3), query).toEqual(order_top3);
    }
  }, 120_000);
});

describe.skipIf(!hasWeights)(titled('a worker with real weights: bge-small in int8'), () => {
  const { client } = useWorker({ embed: `${WEIGHTS}/bge-small-en-v1.5` });

  it('gives the vectors of the reference, in one batch and one by one', async () => {
    await expectVectors(client(), { texts: readReference<Reference>('bge-small-en-v1.5').texts, above: 0.99 });
  }, 240_000);

  it('finds the passage of the reference for each question', async () => {
    const { questions, query_prefix = '' } = readReference<Reference>('bge-small-en-v1.5');
    // The passages stand in the other model's reference only.
    const passages = await embedBatch(client(), readReference<Reference>('all-MiniLM-L6-v2').passages);
    // A folder of a user says nothing of prefixes: the caller writes it.
    const queries = await embedBatch(
      client(),
      questions.map(({ query }) => query_prefix + query),
    );
    for (const [at, { query, best }] of questions.entries()) {
      expect(orderOf(queries[at] ?? [], passages)[0], query).toBe(best);
    }
  }, 120_000);
});
