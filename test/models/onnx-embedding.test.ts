import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../src/models/files/model-files.ts';
import type { Model } from '../../src/models/port.ts';
import {
  bitsOf,
  copyFixture,
  cosine,
  type ExpectedEmbeddings,
  editJson,
  loadFixture,
  readExpected,
  valuesOf,
} from './onnx-fixtures.ts';

const signal = new AbortController().signal;
const KINDS = [
  ['mean', 'mean pooling, token types, WordPiece'],
  ['cls', 'pooling by the first token, Unigram'],
  ['last-token', 'pooling by the last token, positions, byte-level BPE'],
  ['sentence-embedding', 'a dense layer in the graph'],
  ['clip-text', 'CLIP, no attention mask'],
  ['external-data', 'weights in a file beside the graph'],
] as const;

describe.each(KINDS)('the ONNX fixture %s (%s)', (name) => {
  let model: Model;
  let expected: ExpectedEmbeddings;

  beforeAll(async () => {
    model = await loadFixture(name);
    expected = await readExpected(name);
  });
  afterAll(() => model.close());

  it('gives the vectors of the reference, of length 1, together', async () => {
    const vectors = valuesOf(
      await model.embed(
        expected.texts.map(({ text }) => text),
        signal,
      ),
    );
    expect(model.dimensions).toBe(expected.dimensions);
    for (const [at, vector] of vectors.entries()) {
      expect(cosine(vector, expected.texts[at]?.vector), expected.texts[at]?.text).toBeGreaterThan(0.999999);
      expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    }
  });

  it('tells how many tokens each text has, and which are truncated', async () => {
    const texts = expected.texts.map(({ text }) => text);
    const outcomes = await model.embed(texts, signal);
    expect(outcomes.map((outcome) => outcome.ok && outcome.tokens)).toEqual(
      expected.texts.map(({ ids }) => ids.length),
    );
    const isFull = expected.texts.map(({ ids }) => ids.length === expected.maxTokens);
    expect(outcomes.map((outcome, at) => outcome.ok && outcome.isTruncated === true && !isFull[at])).not.toContain(
      true,
    );
    expect(isFull).toContain(true);
    const [short, long] = await model.embed(['lamp', 'lamp '.repeat(expected.maxTokens)], signal);
    expect(short).toMatchObject({ isTruncated: false });
    expect(long).toMatchObject({ isTruncated: true, tokens: expected.maxTokens });
  });

  it('tells where tokens end: as many as it embeds, but for the special ones', async () => {
    const texts = expected.texts.filter(({ ids }) => ids.length < expected.maxTokens);
    const outcomes = await model.tokenize?.(
      texts.map(({ text }) => text),
      signal,
    );
    const spans = outcomes?.map((outcome) => (outcome.ok ? outcome.value : undefined));
    const [special = Number.NaN] = texts.map(({ ids }, at) => ids.length - (spans?.[at]?.length ?? 0));
    expect(special).toBeLessThanOrEqual(2);
    for (const [at, { text, ids }] of texts.entries()) {
      expect(Math.abs(ids.length - special - (spans?.[at]?.length ?? 0)), text).toBeLessThanOrEqual(
        (text.match(/[^ \S]/g) ?? []).length,
      );
      expect(spans?.[at]?.length === 0 ? '' : text.slice(spans?.[at]?.at(-1)).trim(), text).toBe('');
    }
  });

  it('gives the same bits one by one, in any company and in any order', async () => {
    const texts = expected.texts.map(({ text }) => text);
    const alone = new Map<string, string>();
    for (const text of texts)
      alone.set(
        text,
        valuesOf(await model.embed([text], signal))
          .map(bitsOf)
          .join(),
      );
    const long = Array.from({ length: 90 }, (_, at) => texts[(at * 5) % texts.length] ?? '');
    for (const company of [texts, [...texts].reverse(), texts.slice(0, 2), long]) {
      const vectors = valuesOf(await model.embed(company, signal));
      expect(vectors.map(bitsOf)).toEqual(company.map((text) => alone.get(text)));
    }
  });

  it('gives 100 equal requests the same bytes', async () => {
    const [{ text = '' } = {}] = expected.texts;
    const calls = [1, 2, 3, 7, 32, 55].map((count) => model.embed(new Array<string>(count).fill(text), signal));
    const bits = (await Promise.all(calls)).flatMap((outcomes) => valuesOf(outcomes).map(bitsOf));
    expect(bits).toHaveLength(100);
    expect(new Set(bits).size).toBe(1);
  });
});

describe('an ONNX embedding model', () => {
  let mean: Model;

  beforeAll(async () => {
    mean = await loadFixture('mean');
  });
  afterAll(() => mean.close());

  it('cuts texts at the limit of its folder, not at the one that tokenizer.json carries, and keeps the closing token', async () => {
    const { texts, maxTokens } = await readExpected('mean');
    const long = texts.find(({ ids }) => ids.length === maxTokens);
    const [longer, cut] = valuesOf(
      await mean.embed([`${long?.text} and on it goes for ever`, long?.text ?? ''], signal),
    );
    expect(cosine(cut, long?.vector)).toBeGreaterThan(0.999999);
    expect(bitsOf(longer ?? new Float32Array())).toBe(bitsOf(cut ?? new Float32Array()));
  });

  it.each(['query', 'title', 'document'])('puts the prompt for input type %s before texts', async (inputType) => {
    await using model = await loadFixture('mean', { selection: { inputType } });
    const { texts, prompts } = await readExpected('mean');
    const [vector] = valuesOf(await model.embed([texts[1]?.text ?? ''], signal));
    expect(cosine(vector, prompts?.[inputType])).toBeGreaterThan(0.999999);
  });

  it('puts the prompt for queries before texts that are searched with, and its own before the others', async () => {
    await using model = await loadFixture('mean');
    const { texts, prompts } = await readExpected('mean');
    const text = texts[1]?.text ?? '';
    const [query] = valuesOf((await model.embedQueries?.([text], signal)) ?? []);
    expect(cosine(query, prompts?.['query'])).toBeGreaterThan(0.999999);
    expect(cosine(valuesOf(await model.embed([text], signal))[0], texts[1]?.vector)).toBeGreaterThan(0.999999);
  });

  it('takes pooling, limit and prefix from the catalogue where the model is in it', async () => {
    const spec: ModelSpec = {
      name: 'mean',
      runtime: 'ort',
      type: 'textual',
      functions: ['embed'],
      source: { repo: 'tests/mean', revision: 'main', files: [] },
      licence: 'Apache-2.0',
      maxTokens: 24,
      embedding: { dimensions: 16, pooling: 'cls', isNormalised: true, prefix: { query: 'search for: ' } },
    };
    await using cls = await loadFixture('mean', { spec });
    await using prefixed = await loadFixture('mean', {
      spec: {
        ...spec,
        embedding: { dimensions: 16, isNormalised: true, pooling: 'mean', prefix: { document: 'heading: ' } },
      },
    });
    const { texts, prompts } = await readExpected('mean');
    const text = texts[1]?.text ?? '';
    expect(cosine(valuesOf(await cls.embed([text], signal))[0], texts[1]?.vector)).toBeLessThan(0.99);
    expect(cosine(valuesOf(await prefixed.embed([text], signal))[0], prompts?.['title'])).toBeGreaterThan(0.999999);
  });

  it('answers odd texts too: zero characters, controls, halves of pairs, nothing at all', async () => {
    const texts = [
      'a\0b',
      '\u0001\u0007',
      '\ud800 alone',
      '',
      ' ',
      '\u200b',
      '[CLS] [SEP] [PAD]',
      '\u{10ffff}',
      'x'.repeat(5_000),
    ];
    expect(valuesOf(await mean.embed(texts, signal)).map(({ length }) => length)).toEqual(texts.map(() => 16));
  });

  it('fails alone a text that gives no token', async () => {
    await using model = await loadFixture('last-token', { folder: await withoutTemplate() });
    const outcomes = await model.embed(['lamp', '', 'lamp'], signal);
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true]);
    expect(outcomes[1]).toMatchObject({ error: { kind: 'invalid', message: expect.stringContaining('no tokens') } });
  });

  it('reads only as much of a huge text as it needs, with the same result', async () => {
    await using model = await loadFixture('cls');
    const beginning = 'A queue hands each job to exactly one worker. '.repeat(20);
    const [short, huge] = valuesOf(await model.embed([beginning, beginning + 'and whales '.repeat(500_000)], signal));
    expect(bitsOf(huge ?? new Float32Array())).toBe(bitsOf(short ?? new Float32Array()));
  });

  it('runs a quantised model one text at a time, so that the company changes nothing', async () => {
    await using model = await loadFixture('quantized');
    const { texts } = await readExpected('quantized');
    const all = texts.map(({ text }) => text);
    const together = valuesOf(await model.embed(all, signal));
    for (const [at, text] of all.entries()) {
      const [alone = new Float32Array()] = valuesOf(await model.embed([text], signal));
      expect(bitsOf(together[at] ?? new Float32Array())).toBe(bitsOf(alone));
      expect(cosine(alone, texts[at]?.vector)).toBeGreaterThan(0.99);
    }
  });

  it('refuses the functions that it does not serve', async () => {
    expect(mean.functions).toEqual(['embed']);
    expect(await mean.rerank([{ query: 'a', documents: ['b'], task: '', seed: 1 }], signal)).toMatchObject([
      { ok: false, error: { kind: 'invalid' } },
    ]);
  });
});

/** The fixture `last-token` with a tokenizer that adds no special token. */
async function withoutTemplate(): Promise<string> {
  const folder = await copyFixture('last-token');
  await editJson(`${folder}/tokenizer.json`, (tokenizer) => ({ ...tokenizer, post_processor: null }));
  return folder;
}
