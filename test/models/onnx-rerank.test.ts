import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model, RerankItem } from '../../src/models/port.ts';
import { type ExpectedScores, loadFixture, readExpected, valuesOf } from './onnx-fixtures.ts';

const signal = new AbortController().signal;

describe('an ONNX cross-encoder', () => {
  let model: Model;
  let expected: ExpectedScores;
  let items: RerankItem[];

  beforeAll(async () => {
    model = await loadFixture('cross-encoder');
    expected = await readExpected<ExpectedScores>('cross-encoder');
    items = [...new Set(expected.pairs.map(({ query }) => query))].map((query) => ({
      query,
      documents: expected.pairs.filter((pair) => pair.query === query).map(({ document }) => document),
      task: 'ignored',
      seed: 1,
    }));
  });
  afterAll(() => model.close());

  it('gives the scores of the reference, also for pairs that are cut and for an empty document', async () => {
    const scores = valuesOf(await model.rerank(items, signal)).flat();
    expect(scores).toHaveLength(expected.pairs.length);
    for (const [at, pair] of expected.pairs.entries()) {
      expect(scores[at], `${pair.query} / ${pair.document}`).toBeCloseTo(pair.score, 5);
    }
    expect(expected.pairs.some(({ ids }) => ids.length === expected.maxTokens)).toBe(true);
  });

  it('gives the same scores to the bit whatever else is asked for', async () => {
    const together = valuesOf(await model.rerank(items, signal));
    for (const [at, item] of items.entries()) {
      expect(valuesOf(await model.rerank([item], signal))).toEqual([together[at]]);
      for (const [position, document] of item.documents.entries()) {
        const [alone] = valuesOf(await model.rerank([{ ...item, documents: [document] }], signal));
        expect(alone).toEqual([together[at]?.[position]]);
      }
    }
  });

  it('serves nothing but rerank', async () => {
    expect(model.functions).toEqual(['rerank']);
    expect(model.dimensions).toBeUndefined();
    expect(await model.embed(['lamp'], signal)).toMatchObject([{ ok: false, error: { kind: 'invalid' } }]);
  });
});
