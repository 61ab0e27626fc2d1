import { describe, expect, test } from 'vitest';
import { createTestProvider } from '../../test/support/test-runtime.ts';
import type { RequestFunction } from '../core/request-functions.ts';
import { answerRequests, embedTexts } from './answer-requests.ts';
import { defineModel } from './define-model.ts';
import type { ItemOutcome } from './outcome.ts';
import type { Model, ModelRequest } from './port.ts';
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
