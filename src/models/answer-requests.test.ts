import { describe, expect, test } from 'vitest';
import { createTestProvider } from '../../test/support/test-runtime.ts';
import type { RequestFunction } from '../core/request-functions.ts';
import {
  answerRequests,
  embeddingProblem,
  embedTexts,
  rankingProblem,
  textProblem,
  verifyOutcomes,
} from './answer-requests.ts';
import { defineModel } from './define-model.ts';
import { failed, type ItemOutcome, invalid, succeeded, unavailable } from './outcome.ts';
import type { GenerateItem, GenerateOutput, Model, ModelRequest } from './port.ts';
import { parseRequest } from './request-parameters.ts';

const { signal } = new AbortController();
const provider = createTestProvider();

function loadModel(name = 'test/model'): Promise<Model> {
  return provider.load({ name }, signal);
}

function requestOf(fn: RequestFunction, parameters: Record<string, unknown>): ModelRequest {
  const outcome = parseRequest(fn, JSON.stringify(parameters));
  if (!outcome.ok) throw new Error(outcome.error.message);
  return outcome.value.request;
}

function embedding(text: string): ModelRequest {
  return requestOf('embed', { text_input: text });
}

/** The text of each answer, or the kind of its error. */
function summary(outcomes: readonly ItemOutcome<unknown>[]): unknown[] {
  return outcomes.map((outcome) => (outcome.ok ? 'answered' : outcome.error.kind));
}

describe('answers are the texts that are stored', () => {
  test.each<[RequestFunction, Record<string, unknown>, string]>([
    ['generate', { prompt: 'say this' }, 'say this'],
    ['generate_json', { prompt: 'p !answer:{"a": 1}', schema: true }, '{"a": 1}'],
    ['generate_regex', { prompt: 'p !answer:aaa', pattern: 'a+' }, 'aaa'],
    ['generate_choice', { prompt: 'p', choices: ['yes', 'no'] }, 'yes'],
    ['rerank', { query: 'a b', documents: ['a', 'none', 'b a'] }, '[["b a", 1], ["a", 0.5], ["none", 0]]'],
  ])('%s', async (fn, parameters, text) => {
    expect(await answerRequests(await loadModel(), [requestOf(fn, parameters)], signal)).toEqual([
      { ok: true, value: text },
    ]);
  });

  test('embed', async () => {
    const model = await loadModel();
    const [[text], [vector]] = await Promise.all([
      answerRequests(model, [embedding('a text')], signal),
      embedTexts(model, ['a text'], signal),
    ]);
    if (text?.ok !== true || vector?.ok !== true) throw new Error('expected answers');
    expect(Float32Array.from(JSON.parse(text.value))).toEqual(vector.value);
  });

  test('nothing', async () => {
    expect(await answerRequests(await loadModel(), [], signal)).toEqual([]);
  });
});

test('texts that are searched with go to the method for these, where the model has one, and each answer to its request', async () => {
  const vectorOf = (text: string, sign: number) => ({
    ok: true as const,
    value: Float32Array.of(sign * Number(text), Math.sqrt(1 - Number(text) ** 2)),
  });
  const model = defineModel({
    name: 'two',
    runtime: 'test',
    fingerprint: '1',
    embed: {
      dimensions: 2,
      maxBatch: 8,
      run: async (texts) => texts.map((text) => vectorOf(text, 1)),
      runQueries: async (texts) => texts.map((text) => vectorOf(text, -1)),
    },
  });
  const ended: number[] = [];
  const answers = await answerRequests(
    model,
    [
      embedding('0.25'),
      requestOf('embed', { text_input: '0.5', input_type: 'query' }),
      requestOf('embed', { text_input: '0.75', input_type: 'document' }),
    ],
    signal,
    { working: () => undefined, ended: (position) => ended.push(position) },
  );
  expect(answers.map((answer) => (answer.ok ? JSON.parse(answer.value)[0] : undefined))).toEqual([0.25, -0.5, 0.75]);
  expect(ended.sort()).toEqual([0, 1, 2]);
});

describe('one bad item fails alone', () => {
  test.each([
    ['!fail', 'failed'],
    ['!invalid', 'invalid'],
    ['!unavailable:500', 'unavailable'],
    ['!nan', 'failed'],
    ['!wrong-dimension', 'failed'],
    ['!unnormalised', 'failed'],
    ['!zero', 'failed'],
    ['!throw', 'failed'],
    ['!wrong-count', 'failed'],
  ])('%s', async (step, kind) => {
    const outcomes = await answerRequests(await loadModel(), ['a', `b ${step}`, 'c'].map(embedding), signal);
    expect(summary(outcomes)).toEqual(['answered', kind, 'answered']);
  });

  test('a wrong choice, JSON that does not parse and scores out of range fail', async () => {
    const model = await loadModel();
    const ask = async (fn: RequestFunction, parameters: Record<string, unknown>) =>
      summary(await answerRequests(model, [requestOf(fn, parameters)], signal));
    expect(await ask('generate_choice', { prompt: '!answer:maybe', choices: ['yes', 'no'] })).toEqual(['failed']);
    expect(await ask('generate_json', { prompt: '!answer:{', schema: true })).toEqual(['failed']);
    expect(await ask('rerank', { query: '!score:1.5', documents: ['d'] })).toEqual(['failed']);
    expect(await ask('rerank', { query: '!wrong-scores', documents: ['d'] })).toEqual(['failed']);
    expect(await ask('rerank', { query: '!nan', documents: ['d'] })).toEqual(['failed']);
  });

  test('when to call again is passed on', async () => {
    const outcomes = await answerRequests(await loadModel(), [embedding('!unavailable:500')], signal);
    expect(outcomes).toMatchObject([{ error: { retryAfterMs: 500 } }]);
  });

  test('a call that comes to nothing is asked again one by one, and never with more', async () => {
    const sizes: number[] = [];
    const model = defineModel({
      name: 'own/model',
      runtime: 'own',
      fingerprint: '1',
      embed: {
        maxBatch: 8,
        run: async (texts) => {
          sizes.push(texts.length);
          throw new Error('out of memory');
        },
      },
    });
    const outcomes = await embedTexts(model, ['a', 'b', 'c'], signal);
    expect(sizes).toEqual([3, 1, 1, 1]);
    expect(outcomes).toMatchObject([0, 1, 2].map(() => ({ error: { kind: 'failed', message: 'out of memory' } })));
  });
});

describe('an abort', () => {
  test.each(['!hang', '!hang-deaf'])('ends a call whose model does %s', async (step) => {
    const controller = new AbortController();
    const model = await loadModel();
    const call = answerRequests(model, [embedding(step), embedding('other')], controller.signal);
    controller.abort(new Error('cancelled'));
    await expect(call).rejects.toThrow('cancelled');
  });

  test('before the call keeps the model from being asked', async () => {
    const model = await loadModel();
    const before = provider.calls.calls;
    await expect(answerRequests(model, [embedding('a')], AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
    expect(provider.calls.calls).toBe(before);
  });
});

test('requests of several functions in one call are refused', async () => {
  const requests = [embedding('a'), requestOf('generate', { prompt: 'p' })];
  await expect(answerRequests(await loadModel(), requests, signal)).rejects.toThrow(RangeError);
});

test('a step that does not exist fails its text', async () => {
  expect(await answerRequests(await loadModel(), [embedding('!slep:5')], signal)).toMatchObject([
    { error: { message: 'The test runtime has no step "!slep"' } },
  ]);
});

test('steps with -times fail so often and then no more', async () => {
  const model = await loadModel();
  const texts = ['!fail-times:2 x', '!unavailable-times:1 y'].map(embedding);
  expect(summary(await answerRequests(model, texts, signal))).toEqual(['failed', 'unavailable']);
  expect(summary(await answerRequests(model, texts, signal))).toEqual(['failed', 'answered']);
  expect(summary(await answerRequests(model, texts, signal))).toEqual(['answered', 'answered']);
});

describe('outcomes', () => {
  const accept = () => undefined;

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

describe('what is wrong with an embedding', () => {
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

describe('what is wrong with scores', () => {
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

describe('what is wrong with a text', () => {
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
