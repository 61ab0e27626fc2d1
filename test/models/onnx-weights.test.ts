import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTextEncoder, type TextEncoder } from '../../src/models/onnx/text-encoder.ts';
import type { Model } from '../../src/models/port.ts';
import { hasWeights, readReference, titled, WEIGHTS } from '../support/real-weights.ts';
import { bitsOf, cosine, loadFixture, valuesOf } from './onnx-fixtures.ts';

const signal = new AbortController().signal;

interface Reference {
  readonly max_tokens: number;
  readonly query_prefix?: string;
  readonly texts: readonly {
    readonly text: string;
    readonly vector: number[];
    readonly token_count: number;
    readonly first_token_ids: number[];
  }[];
  readonly pairs: readonly {
    readonly text: string;
    readonly near: string;
    readonly far: string;
    readonly cos_near: number;
    readonly cos_far: number;
  }[];
  readonly passages: readonly string[];
  readonly questions: readonly { readonly query: string; readonly best: number; readonly order_top3: number[] }[];
}

interface ScoreReference {
  readonly max_tokens: number;
  readonly documents: readonly string[];
  readonly rows: readonly {
    readonly query: string;
    readonly scores: readonly { readonly tokens: number; readonly score: number }[];
  }[];
}

const encoderOf = (name: string, maxTokens: number): TextEncoder =>
  createTextEncoder(
    new Tokenizer(JSON.parse(readFileSync(`${WEIGHTS}/${name}/tokenizer.json`, 'utf8')), {}),
    maxTokens,
  );

/** Positions of the passages, the one with the largest cosine first. */
function orderOf(query: ArrayLike<number> | undefined, passages: readonly Float32Array[]): number[] {
  return passages
    .map((passage, position) => ({ position, score: cosine(query, passage) }))
    .sort((a, b) => b.score - a.score)
    .map(({ position }) => position);
}

describe.skipIf(!hasWeights)(titled('all-MiniLM-L6-v2 in fp32'), () => {
  const name = 'all-MiniLM-L6-v2';
  let model: Model;
  let reference: Reference;
  const embed = async (texts: readonly string[]) => valuesOf(await model.embed(texts, signal));

  beforeAll(async () => {
    reference = readReference(name);
    model = await loadFixture(name, { folder: `${WEIGHTS}/${name}` });
  });
  afterAll(() => model.close());

  it('splits texts into the tokens of the reference', () => {
    const encoder = encoderOf(name, reference.max_tokens);
    for (const { text, token_count, first_token_ids } of reference.texts) {
      const { ids } = encoder.encode(text);
      expect(ids, text).toHaveLength(token_count);
      expect(ids.slice(0, first_token_ids.length), text).toEqual(first_token_ids);
    }
  });

  it('gives the vectors of the reference, together and one by one, to the same bit', async () => {
    const together = await embed(reference.texts.map(({ text }) => text));
    for (const [at, { text, vector }] of reference.texts.entries()) {
      const [alone = new Float32Array()] = await embed([text]);
      expect(cosine(alone, vector), text).toBeGreaterThan(0.9999);
      expect(bitsOf(together[at] ?? new Float32Array()), text).toBe(bitsOf(alone));
    }
  });

  it('gives a text the same bits in batches of every size and shape', async () => {
    const word = (count: number) => `a queue hands each job to one worker ${'and another '.repeat(count)}`;
    const texts = [0, 2, 11, 60].map(word);
    const alone = new Map<string, string>();
    for (const text of texts) alone.set(text, (await embed([text])).map(bitsOf).join());
    for (const count of [2, 5, 13]) {
      for (const text of texts) {
        const others = texts.slice(0, texts.indexOf(text) + 1);
        const company = Array.from({ length: count }, (_, at) =>
          at === 0 ? text : (others[at % others.length] ?? text),
        );
        expect((await embed(company)).map(bitsOf)).toEqual(company.map((other) => alone.get(other)));
      }
    }
  });

  it('brings near what is near, as far as in the reference', async () => {
    for (const { text, near, far, cos_near, cos_far } of reference.pairs) {
      const [own, nearer, farther] = await embed([text, near, far]);
      expect(cosine(own, nearer)).toBeCloseTo(cos_near, 3);
      expect(cosine(own, farther)).toBeCloseTo(cos_far, 3);
    }
  });

  it('orders passages as in the reference', async () => {
    const passages = await embed(reference.passages);
    for (const { query, order_top3 } of reference.questions) {
      const [vector] = await embed([query]);
      expect(orderOf(vector, passages).slice(0, order_top3.length), query).toEqual(order_top3);
    }
  });
});

describe.skipIf(!hasWeights)(titled('bge-small-en-v1.5 in int8'), () => {
  const name = 'bge-small-en-v1.5';
  const load = (inputType?: string) =>
    loadFixture(name, {
      folder: `${WEIGHTS}/${name}`,
      weights: 'onnx/model_quantized.onnx',
      spec: {
        name,
        runtime: 'ort',
        type: 'textual',
        functions: ['embed'],
        source: { repo: 'tests/bge', revision: 'main', files: [] },
        licence: 'MIT',
        maxTokens: 512,
        embedding: {
          dimensions: 384,
          pooling: 'cls',
          isNormalised: true,
          prefix: { query: readReference<Reference>(name).query_prefix ?? '' },
        },
      },
      ...(inputType === undefined ? {} : { selection: { inputType } }),
    });

  it('gives the vectors of the reference, and the same bits together as one by one', async () => {
    await using model = await load();
    const { texts } = readReference<Reference>(name);
    const together = valuesOf(
      await model.embed(
        texts.map(({ text }) => text),
        signal,
      ),
    );
    for (const [at, { text, vector }] of texts.entries()) {
      const [alone = new Float32Array()] = valuesOf(await model.embed([text], signal));
      expect(cosine(alone, vector), text).toBeGreaterThan(0.99);
      expect(bitsOf(together[at] ?? new Float32Array()), text).toBe(bitsOf(alone));
    }
  });

  it('finds the passage of the reference for each question, asked with the prefix for queries', async () => {
    await using documents = await load('document');
    await using queries = await load('query');
    const { questions } = readReference<Reference>(name);
    // The passages stand in the other model's reference only.
    const passages = valuesOf(await documents.embed(readReference<Reference>('all-MiniLM-L6-v2').passages, signal));
    for (const { query, best } of questions) {
      const [vector] = valuesOf(await queries.embed([query], signal));
      expect(orderOf(vector, passages)[0], query).toBe(best);
    }
  });
});

describe.skipIf(!hasWeights)(titled('a cross-encoder with random weights'), () => {
  const name = 'random-cross-encoder';

  it('splits pairs into as many tokens as the reference', () => {
    const { max_tokens, documents, rows } = readReference<ScoreReference>(name);
    const encoder = encoderOf(name, max_tokens);
    for (const { query, scores } of rows) {
      const counts = documents.map((document) => encoder.encodePair(query, document).ids.length);
      expect(counts).toEqual(scores.map(({ tokens }) => tokens));
    }
  });

  it('gives the scores of the reference, together and one by one', async () => {
    await using model = await loadFixture(name, { folder: `${WEIGHTS}/${name}` });
    const { documents, rows } = readReference<ScoreReference>(name);
    const items = rows.map(({ query }) => ({ query, documents, task: '', seed: 42 }));
    const together = valuesOf(await model.rerank(items, signal));
    for (const [at, { scores }] of rows.entries()) {
      for (const [position, { score }] of scores.entries()) {
        expect(Math.abs((together[at]?.[position] ?? Number.NaN) - score)).toBeLessThan(1e-3);
      }
      const item = items[at];
      if (item !== undefined) expect(valuesOf(await model.rerank([item], signal))).toEqual([together[at]]);
    }
  });
});
