import { describe, expect, test } from 'vitest';
import { failed, invalid, succeeded, unavailable } from './outcome.ts';
import type { GenerateItem, GenerateOutput } from './port.ts';
import { embeddingProblem, rankingProblem, textProblem, verifyOutcomes } from './verify-answer.ts';

const accept = () => undefined;

describe('outcomes', () => {
  test('right answers and errors of a known kind are passed on', () => {
    const outcomes = [succeeded(1), invalid('i'), failed('f'), unavailable('u', { retryAfterMs: 5 })];
    expect(verifyOutcomes([0, 1, 2, 3], outcomes, accept)).toEqual(outcomes);
  });

  test('a wrong answer fails alone', () => {
    const problemOf = (value: number) => (value > 1 ? 'too large' : undefined);
    expect(verifyOutcomes([0, 0], [succeeded(1), succeeded(2)], problemOf)).toEqual([
      succeeded(1),
      failed('too large'),
    ]);
  });

  test.each([
    ['too few', [succeeded(1)]],
    ['too many', [succeeded(1), succeeded(1), succeeded(1)]],
    ['none', undefined],
  ])('%s outcomes are an error of the call', (_, outcomes) => {
    // @ts-expect-error a runtime written without types can give anything
    expect(() => verifyOutcomes([0, 0], outcomes, accept)).toThrow(/The model gave (1|3|no) answers to 2 items/);
  });

  test.each([undefined, null, 5, {}, { ok: false }, { ok: false, error: { kind: 'other' } }])(
    '%j in place of an outcome is a failure',
    (outcome) => {
      // @ts-expect-error a runtime written without types can give anything
      expect(verifyOutcomes([0], [outcome], accept)).toEqual([failed('The model gave no answer')]);
    },
  );
});

describe('embeddings', () => {
  test('a unit vector of the right length passes', () => {
    expect(embeddingProblem(Float32Array.of(0.6, 0.8), 2)).toBeUndefined();
    expect(embeddingProblem(Float32Array.of(0.6, 0.8), undefined)).toBeUndefined();
  });

  test.each([
    ['dimensions', Float32Array.of(0.6, 0.8, 0), /3 dimensions instead of 2/],
    ['no values', new Float32Array(), /empty/],
    ['NaN', Float32Array.of(Number.NaN, 1), /finite/],
    ['infinity', Float32Array.of(Number.POSITIVE_INFINITY, 1), /finite/],
    ['zero', Float32Array.of(0, 0), /length 0 instead of 1/],
    ['not normalised', Float32Array.of(3, 4), /length 5 instead of 1/],
  ])('wrong %s is found', (_, vector, problem) => {
    expect(embeddingProblem(vector, 2)).toMatch(problem);
  });

  test('another type is found', () => {
    // @ts-expect-error a runtime written without types can give anything
    expect(embeddingProblem([0.6, 0.8], 2)).toMatch(/float32/);
  });
});

describe('rankings', () => {
  const item = { query: 'q', documents: ['a', 'b'], task: '', seed: 1 };
  test.each([
    [[0, 1], undefined],
    [[1], /1 scores for 2 documents/],
    [[0, 1.01], /the score 1.01/],
    [[0, -0.1], /the score -0.1/],
    [[0, Number.NaN], /the score NaN/],
    [[0, '1'], /the score 1,/],
    [undefined, /no scores/],
  ])('%j', (scores, problem) => {
    // @ts-expect-error a runtime written without types can give anything
    const found = rankingProblem(scores, item);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toMatch(problem);
  });
});

describe('texts', () => {
  const problemOf = (text: string, output: GenerateOutput = { kind: 'plain' }) => {
    const item: GenerateItem = { prompt: 'p', maxTokens: 1, seed: 1, output };
    return textProblem(text, item);
  };
  const choice = { kind: 'choice', choices: ['yes', 'no'] } as const;
  const json = { kind: 'json', schema: true } as const;

  test('any text passes, the empty one too', () => {
    expect(problemOf('')).toBeUndefined();
    expect(problemOf('é 🎉\n')).toBeUndefined();
  });

  test('what PostgreSQL cannot hold is found', () => {
    expect(problemOf('a\0b')).toMatch(/zero character/);
    expect(problemOf('\ud83c')).toMatch(/surrogate/);
    // @ts-expect-error a runtime written without types can give anything
    expect(problemOf(undefined)).toMatch(/other than a text/);
  });

  test('a choice is one of the choices, byte for byte', () => {
    expect(problemOf('yes', choice)).toBeUndefined();
    expect(problemOf('yes ', choice)).toMatch(/none of the choices/);
  });

  test('JSON parses and can become jsonb', () => {
    expect(problemOf('{"a": [1, "é"]}', json)).toBeUndefined();
    expect(problemOf('{"a": 1', json)).toMatch(/not JSON/);
    expect(problemOf('', json)).toMatch(/not JSON/);
    expect(problemOf('{"a": "\\u0000"}', json)).toMatch(/jsonb/);
    expect(problemOf('{"\\ud800": 1}', json)).toMatch(/jsonb/);
  });
});
