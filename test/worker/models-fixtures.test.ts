import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorker } from '../../src/worker/create-worker.ts';
import { answerOf, fixture as ggufPath, loadModel, NEVER } from '../models/llama/gguf-models.ts';
import { cosine, type ExpectedScores, fixturePath, readExpected } from '../models/onnx-fixtures.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { firstValue, untilStatus } from '../support/requests.ts';
import { expectEqualAnswers } from './models-equal.ts';
import { queueClient, scoresOf, startModelWorker, vectorOf } from './models-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

/** A worker in this process that serves nothing but that model. */
async function workerWith(options: { readonly embedModel?: string; readonly rerankModel?: string }) {
  const functions = options.embedModel === undefined ? (['rerank'] as const) : (['embed'] as const);
  const worker = await createWorker({ uri: db.uri, functions, pollIntervalMs: 100, ...options });
  return { [Symbol.asyncDispose]: () => worker.stop() };
}

describe.each([
  ['mean', 0.999999],
  ['cls', 0.999999],
  ['last-token', 0.999999],
  ['sentence-embedding', 0.999999],
  ['clip-text', 0.999999],
  ['external-data', 0.999999],
  ['quantized', 0.99],
] as const)('the folder %s, given to a worker', (name, above) => {
  it('answers embed through SQL with the vectors of the reference, in one batch and one by one', async () => {
    await using _ = await workerWith({ embedModel: fixturePath(name) });
    const { enqueue, results } = queueClient(db);
    const texts = (await readExpected(name)).texts.filter(({ text }) => text.trim() !== '');
    const batch = await enqueue('steadytext_embed_batch_async($1, false)', [texts.map(({ text }) => text)]);
    const together = await results(batch);
    for (const [at, { text, vector }] of texts.entries()) {
      expect(cosine(vectorOf(together[at] ?? ''), vector), text).toBeGreaterThan(above);
    }
    const alone: string[] = [];
    for (const { text } of texts) {
      alone.push(...(await results(await enqueue('steadytext_embed_async($1, false)', [text]))));
    }
    expect(alone).toEqual(together);
  });
});

it('a cross-encoder in ONNX answers rerank through SQL with the scores of the reference, together and alone', async () => {
  await using _ = await workerWith({ rerankModel: fixturePath('cross-encoder') });
  const { answer } = queueClient(db);
  const { pairs } = await readExpected<ExpectedScores>('cross-encoder');
  for (const query of new Set(pairs.map((pair) => pair.query))) {
    const own = pairs.filter((pair) => pair.query === query);
    const rerank = (documents: readonly string[]) =>
      answer('steadytext_rerank_async($1, $2, use_cache => false)', [query, documents]);
    const together = scoresOf(await rerank(own.map(({ document }) => document)));
    for (const { document, score } of own) {
      expect(Math.abs((together.get(document) ?? Number.NaN) - score), document).toBeLessThan(1e-3);
      expect(scoresOf(await rerank([document])).get(document)).toBe(together.get(document));
    }
  }
});

it('an embedder in GGUF answers through SQL with its own vectors, in one batch and one by one', async () => {
  const path = ggufPath('tiny-embedder');
  await using _ = await startModelWorker(db.uri, { embed: path });
  const { enqueue, results } = queueClient(db);
  const texts = ['the cat', 'a dog in the house', 'the river '.repeat(40), 'ÄÖÜ 東京', 'zebra 42!'];
  const together = await results(await enqueue('steadytext_embed_batch_async($1, false)', [texts]));
  const model = await loadModel(path);
  try {
    const vectors = (await model.embed(texts, NEVER)).map(answerOf);
    expect(together.map((result) => Float32Array.from(vectorOf(result)))).toEqual(vectors);
  } finally {
    await model.close();
  }
  for (const [at, text] of texts.entries()) {
    const [alone] = await results(await enqueue('steadytext_embed_async($1, false)', [text]));
    expect(alone).toBe(together[at]);
  }
}, 30_000);

it.each(['tiny-reranker', 'tiny-yes-no-reranker'])(
  'a reranker in GGUF answers through SQL with its own scores, together and alone: %s',
  async (name) => {
    const path = ggufPath(name);
    await using _ = await startModelWorker(db.uri, { rerank: path });
    const { answer } = queueClient(db);
    const documents = ['a cat', 'the dog and the river', '', 'the house '.repeat(200)];
    const rerank = (some: readonly string[]) =>
      answer("steadytext_rerank_async('cat', $1, task => 'Find it', use_cache => false)", [some]);
    const ranking = JSON.parse(await rerank(documents)) as [string, number][];
    expect(ranking.map(([, score]) => score)).toEqual(ranking.map(([, score]) => score).sort((a, b) => b - a));
    const model = await loadModel(path);
    try {
      const [scores] = (await model.rerank([{ query: 'cat', documents, task: 'Find it', seed: 42 }], NEVER)).map(
        answerOf,
      );
      const given = new Map(ranking);
      expect(documents.map((document) => given.get(document))).toEqual(scores);
    } finally {
      await model.close();
    }
    for (const [document, score] of ranking) {
      expect(JSON.parse(await rerank([document]))).toEqual([[document, score]]);
    }
  },
  30_000,
);

describe('two workers with an embedder, a reranker and a generator', () => {
  const models = {
    embed: fixturePath('mean'),
    rerank: fixturePath('cross-encoder'),
    generate: ggufPath('tiny-generator'),
  };
  let workers: readonly AsyncDisposable[];
  beforeAll(async () => {
    workers = [
      await startModelWorker(db.uri, models, { args: ['--concurrency', '1'] }),
      await startModelWorker(db.uri, models, { args: ['--concurrency', '11'] }),
    ];
  }, 60_000);
  afterAll(async () => {
    for (const worker of workers) await worker[Symbol.asyncDispose]();
  });

  it('give 100 equal answers to 100 equal requests of each kind, mixed with others, in batches of any size', async () => {
    const first = await expectEqualAnswers(db, { workers: 2, timeoutMs: 60_000 });
    const again = await expectEqualAnswers(db, { workers: 2, timeoutMs: 60_000 });
    expect(again).toEqual(first);
  }, 120_000);

  it('answer every function', async () => {
    const { answer } = queueClient(db);
    expect(await answer("steadytext_generate_async('The sea', 8, false)")).not.toBe('');
    expect(await answer("steadytext_generate_regex_async('x', '[A-Z]{2}-\\d{3}', 16, false)")).toMatch(
      /^[A-Z]{2}-\d{3}$/,
    );
    expect(['öl', 'gas']).toContain(
      await answer("steadytext_generate_choice_async('x', array['öl', 'gas'], 16, false)"),
    );
    expect(
      JSON.parse(await answer(`steadytext_generate_json_async('x', '{"enum": [1, "two", null]}', 16, false)`)),
    ).toSatisfy((value) => [1, 'two', null].includes(value));
    const ids = '[1181234567890123456, 1181234567890123457, 3.14159265358979323846]';
    expect(ids.slice(1, -1).split(', ')).toContain(
      await answer(`steadytext_generate_json_async('x', '{"enum": ${ids}}', 40, false)`),
    );
    expect(JSON.parse(await answer("steadytext_rerank_async('lamp', array['a lamp', 'whales'])"))).toHaveLength(2);
    expect(vectorOf(await answer("steadytext_embed_async('lamp')"))).toHaveLength(16);
  });

  it('fail what cannot be, at once and with the numbers that say why, and answer what comes after', async () => {
    const { enqueue, answer } = queueClient(db);
    const failing = [
      ...(await enqueue("steadytext_generate_async(repeat('cat ', 3000), 8, false)")),
      ...(await enqueue('steadytext_generate_json_async(\'x\', \'{"type": "string", "minLength": 60}\', 4, false)')),
      // The functions refuse it when it is queued, and whoever writes rows does without them.
      await firstValue<string>(
        db.pool,
        `insert into steadytext_queue (function_name, parameters)
         values ('generate_regex', '{"prompt": "x", "pattern": "(a)\\\\1", "max_tokens": 16, "use_cache": false}')
         returning request_id`,
      ),
    ];
    const rows = await untilStatus(db.pool, failing, 'failed');
    expect(rows.map(({ error, attempt, retry_count }) => ({ error, attempt, retry_count }))).toEqual([
      {
        error: expect.stringMatching(
          /^The prompt is (more than )?\d+ tokens long, and the model's context of 2048 tokens must hold it and the answer$/,
        ),
        attempt: 1,
        retry_count: 0,
      },
      { error: 'Output was cut off at max_tokens (4)', attempt: 1, retry_count: 0 },
      { error: expect.stringMatching(/backreference/), attempt: 1, retry_count: 0 },
    ]);
    expect(await answer("steadytext_generate_async('after', 8, false)")).not.toBe('');
  });
});

it('a chat template frames the prompt of a request, and the answer is that of the model itself', async () => {
  await using _ = await startModelWorker(db.uri, { generate: ggufPath('tiny-chat') });
  const { answer } = queueClient(db);
  const model = await loadModel(ggufPath('tiny-chat'));
  try {
    const item = { prompt: 'Once upon a time', maxTokens: 24, seed: 42, output: { kind: 'plain' } } as const;
    const [expected] = (await model.generate([item], NEVER)).map(answerOf);
    expect(await answer("steadytext_generate_async('Once upon a time', 24, false)")).toBe(expected);
    expect(await answer("steadytext_generate_async('Once upon a time', 24, false, 7)")).toBe(expected);
  } finally {
    await model.close();
  }
}, 30_000);
