import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { firstTokens, specialTokensOf } from '../../../src/models/llama/count-tokens.ts';
import { openEngine } from '../../../src/models/llama/llama-engine.ts';
import type { Model } from '../../../src/models/port.ts';
import {
  answerOf,
  fixture,
  isMissing,
  loadModel,
  missingNote,
  NEVER,
  providerOf,
  realModel,
  SETTINGS,
} from './gguf-models.ts';

const TEXTS = ['the cat', 'a dog in the house', 'zebra 42!', 'the river', 'ÄÖÜ 東京'];

async function embed(model: Model, texts: readonly string[]): Promise<Float32Array[]> {
  return (await model.embed(texts, NEVER)).map(answerOf);
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a, (value, at) => value * (b[at] ?? 0)).reduce((sum, value) => sum + value, 0);
}

describe('an embedder', () => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(fixture('tiny-embedder'));
  });
  afterAll(() => model?.close());

  it('gives vectors of its length and of norm 1', async () => {
    for (const vector of await embed(model, TEXTS)) {
      expect(vector).toHaveLength(model.dimensions ?? 0);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    }
  });

  it('gives the same bits alone, in a batch, in any order and in calls at once', async () => {
    const together = await embed(model, TEXTS);
    expect((await embed(model, TEXTS.toReversed())).toReversed()).toEqual(together);
    const alone = await Promise.all(TEXTS.map((text) => embed(model, [text])));
    expect(alone.flat()).toEqual(together);
  });

  it('cuts what is too long before the closing token, so that what is beyond changes nothing', async () => {
    const long = 'cat '.repeat(62);
    const [cut, longer, endless, shorter] = await embed(model, [
      long,
      `${long}dog`,
      `${long}${'dog '.repeat(50_000)}`,
      'cat '.repeat(61),
    ]);
    expect(longer).toEqual(cut);
    expect(endless).toEqual(cut);
    expect(shorter).not.toEqual(cut);
  });

  it('reads a text between its opening and its closing token, also one that is cut', async () => {
    const engine = await openEngine(SETTINGS);
    const bare = await engine.loadModel(fixture('tiny-embedder'));
    try {
      const context = await bare.createEmbeddingContext({ contextSize: 65, batchSize: 65, threads: 1 });
      const { bos, sep } = bare.tokens;
      for (const text of ['the cat', 'cat '.repeat(100)]) {
        const tokens = bare.tokenize(text, false, 'trimLeadingSpace').slice(0, 62);
        const framed = [bos, ...tokens, sep].filter((token) => token !== null);
        expect(framed).toHaveLength(tokens.length + 2);
        const { vector } = await context.getEmbeddingFor(framed);
        const [own = new Float32Array()] = await embed(model, [text]);
        expect(cosine(own, vector) / Math.hypot(...vector)).toBeGreaterThan(0.999999);
      }
    } finally {
      await bare.dispose();
    }
  });

  it('fails a blank text alone', async () => {
    const outcomes = await model.embed(['the cat', ' \n', 'dog'], NEVER);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(outcomes[1]).toMatchObject({ error: { kind: 'invalid', message: 'Text input cannot be empty' } });
  });

  it('puts the prefix of its card before queries', async () => {
    const spec = {
      functions: ['embed'] as const,
      embedding: { dimensions: 32, pooling: 'mean', isNormalised: true, prefix: { query: 'the ' } } as const,
    };
    const provider = providerOf(spec);
    const queries = await provider.load({ name: fixture('tiny-embedder'), inputType: 'query' }, NEVER);
    try {
      expect(await embed(queries, ['cat'])).toEqual(await embed(model, ['the cat']));
      expect(queries.fingerprint).not.toBe(model.fingerprint);
    } finally {
      await queries.close();
    }
  });
});

describe.each(['tiny-reranker', 'tiny-yes-no-reranker'])('a reranker (%s)', (name) => {
  let model: Model;
  beforeAll(async () => {
    model = await loadModel(fixture(name));
  });
  afterAll(() => model?.close());
  const item = { query: 'cat', documents: ['a cat', 'dog', '', 'the house '.repeat(900)], task: 'Find it', seed: 1 };

  it('scores each document by itself, from 0 to 1, the same in any order', async () => {
    const [scores = []] = (await model.rerank([item], NEVER)).map(answerOf);
    expect(scores).toHaveLength(4);
    for (const score of scores) expect(score > 0 && score < 1).toBe(true);
    expect(new Set(scores).size).toBe(4);
    const reversed = { ...item, documents: item.documents.toReversed() };
    const outcomes = await model.rerank([reversed, item, reversed], NEVER);
    expect(outcomes.map(answerOf)).toEqual([scores.toReversed(), scores, scores.toReversed()]);
  });

  it('reads the query, however long it is', async () => {
    const asked = ['cat', 'dog', 'the river '.repeat(5_000)].map((query) => ({ ...item, query }));
    const scores = (await model.rerank(asked, NEVER)).map(answerOf);
    expect(new Set(scores.map(([first]) => first)).size).toBe(3);
  });

  it.runIf(name === 'tiny-yes-no-reranker')('reads the task', async () => {
    const outcomes = await model.rerank([item, { ...item, task: 'Find another' }], NEVER);
    const [one, other] = outcomes.map(answerOf);
    expect(one?.[0]).not.toBe(other?.[0]);
  });

  it.runIf(name === 'tiny-yes-no-reranker')('gives the share of yes, to which the fixture leans', async () => {
    const engine = await openEngine(SETTINGS);
    const bare = await engine.loadModel(fixture(name));
    const context = await bare.createContext({ contextSize: 256, sequences: 1 });
    try {
      const [yes, no] = ['yes', 'no'].map((word) => bare.tokenize(word, false, 'trimLeadingSpace')[0]);
      const ask = { generateNext: { probabilities: true } } as const;
      const asked = bare.tokenize('the cat', true).map((token): [typeof token, typeof ask] => [token, ask]);
      for (const output of await context.getSequence().controlledEvaluate(asked)) {
        const { probabilities } = output?.next ?? {};
        const [yesShare = 0, noShare = 1] = [yes, no].map((token) => token && probabilities?.get(token));
        expect(yesShare).toBeGreaterThan(noShare);
      }
    } finally {
      await bare.dispose();
    }
    const [scores = []] = (await model.rerank([item], NEVER)).map(answerOf);
    for (const score of scores) expect(score).toBeGreaterThan(0.5);
  });
});

const MINILM = 'all-MiniLM-L6-v2-f16.gguf';
const REFERENCE = z.object({
  texts: z.array(z.object({ text: z.string(), vector: z.array(z.number()), token_count: z.number() })),
});

describe.skipIf(isMissing(MINILM))(`all-MiniLM-L6-v2 in f16${missingNote(MINILM)}`, () => {
  it('splits texts into as many tokens as its reference, but for a word and a token that its tokenizer reads otherwise', async () => {
    const engine = await openEngine(SETTINGS);
    const model = await engine.loadModel(realModel(MINILM));
    try {
      const { opening, closing } = specialTokensOf(engine.module, model);
      expect(opening.length + closing.length).toBe(2);
      const { texts } = REFERENCE.parse(
        JSON.parse(await readFile(realModel('reference/all-MiniLM-L6-v2.json'), 'utf8')),
      );
      const unlike: string[] = [];
      for (const { text, token_count } of texts) {
        const tokens = await firstTokens(model, text, 256 - 2, NEVER);
        if (tokens.length + 2 !== token_count) unlike.push(text.slice(0, 5));
      }
      expect(unlike).toEqual(['xxxxx', '[CLS]']);
    } finally {
      await model.dispose();
    }
  }, 60_000);

  it('tells tokens and truncation as its reference, and where the tokens of a text end', async () => {
    const model = await providerOf({ functions: ['embed'], maxTokens: 256 }).load({ name: realModel(MINILM) }, NEVER);
    try {
      const { texts } = REFERENCE.parse(
        JSON.parse(await readFile(realModel('reference/all-MiniLM-L6-v2.json'), 'utf8')),
      );
      const usual = texts.filter(({ text }) => !text.startsWith('xxxxxxxxxx') && !text.startsWith('[CLS]'));
      const all = usual.map(({ text }) => text);
      const outcomes = await model.embed(all, NEVER);
      expect(outcomes.map((outcome) => outcome.ok && outcome.tokens)).toEqual(usual.map((each) => each.token_count));
      const spans = ((await model.tokenize?.(all, NEVER)) ?? []).map((outcome) => (outcome.ok ? outcome.value : []));
      expect(spans.map(({ length }) => Math.min(256, length + 2))).toEqual(usual.map((each) => each.token_count));
      const truncated = outcomes.map((outcome) => outcome.ok && outcome.isTruncated);
      expect(truncated).toEqual(spans.map(({ length }) => length + 2 > 256));
      expect(truncated).toContain(true);
    } finally {
      await model.close();
    }
  }, 60_000);

  it('gives the vectors of its reference, but for a word and a token that its tokenizer reads otherwise', async () => {
    const model = await providerOf({ functions: ['embed'], maxTokens: 256 }).load({ name: realModel(MINILM) }, NEVER);
    try {
      const { texts } = REFERENCE.parse(
        JSON.parse(await readFile(realModel('reference/all-MiniLM-L6-v2.json'), 'utf8')),
      );
      const usual = texts.filter(({ text }) => !text.startsWith('xxxxxxxxxx') && !text.startsWith('[CLS]'));
      expect(usual).toHaveLength(texts.length - 2);
      const vectors = await embed(
        model,
        usual.map(({ text }) => text),
      );
      const cosines = usual.map(({ vector }, at) => cosine(vector, vectors[at] ?? []));
      expect(Math.min(...cosines)).toBeGreaterThan(0.999);
    } finally {
      await model.close();
    }
  }, 60_000);
});
