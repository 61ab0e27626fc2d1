import { rm } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { answerRequests, embedTexts } from '../../src/models/answer-requests.ts';
import { openEngine } from '../../src/models/onnx/engine.ts';
import { createThreadControl } from '../../src/models/onnx/thread-control.ts';
import type { Model } from '../../src/models/port.ts';
import { copyFixture, fixturePath, loadFixture, valuesOf } from './onnx-fixtures.ts';

const signal = new AbortController().signal;
const MISBEHAVING = new URL('./onnx-misbehaving-thread.ts', import.meta.url);
const loadMisbehaving = (folder = fixturePath('mean')) => loadFixture('mean', { threadEntry: MISBEHAVING, folder });
const threadOf = async (model: Model) => valuesOf(await model.embed(['which'], signal))[0]?.[0];

describe('a model in a thread', () => {
  it.each(['exit', 'throw'])(
    'rejects the call in which its thread ends by %s, and answers the next in a new one',
    async (text) => {
      await using model = await loadMisbehaving();
      const before = await threadOf(model);
      await expect(model.embed(['fine', text], signal)).rejects.toThrow("The engine's thread");
      expect(await threadOf(model)).not.toBe(before);
    },
  );

  it('lets only the request fail that ends the thread', async () => {
    await using model = await loadMisbehaving();
    // The stand-in's vectors are not of length 1, which is found after they came.
    const outcomes = await embedTexts(model, ['fine', 'exit', 'fine'], signal);
    expect(outcomes.map((outcome) => (outcome.ok ? 'answered' : outcome.error.message))).toEqual([
      expect.stringContaining('16'),
      "The engine's thread ended with code 3",
      expect.stringContaining('16'),
    ]);
  });

  it('leaves the calls that wait unharmed when the thread ends', async () => {
    await using model = await loadMisbehaving();
    const calls = [model.embed(['exit'], signal), model.embed(['a', 'b'], signal), model.embed(['c'], signal)];
    const [first, ...others] = await Promise.allSettled(calls);
    expect(first?.status).toBe('rejected');
    expect(others.map((call) => call.status === 'fulfilled' && valuesOf(call.value).length)).toEqual([2, 1]);
  });

  it('holds against nobody that no new thread can be had', async () => {
    const folder = await copyFixture('mean');
    await using model = await loadMisbehaving(folder);
    await rm(`${folder}/onnx/model.onnx`);
    await expect(model.embed(['exit'], signal)).rejects.toThrow('ended with code 3');
    const requests = ['a', 'b'].map((item) => ({ function: 'embed', item }) as const);
    for (const outcome of await answerRequests(model, requests, signal)) {
      expect(outcome).toMatchObject({
        ok: false,
        error: {
          kind: 'unavailable',
          message: "The model's engine ended and could not be started again: its weights are gone",
        },
      });
    }
  });

  it('rejects a call that the thread could not answer, and goes on in the same thread', async () => {
    await using model = await loadMisbehaving();
    const before = await threadOf(model);
    await expect(model.embed(['refuse'], signal)).rejects.toThrow('told to refuse');
    expect(await threadOf(model)).toBe(before);
  });

  it('tells the thread when a call is cancelled, and stays in use', async () => {
    await using model = await loadMisbehaving();
    const before = await threadOf(model);
    const controller = new AbortController();
    const waiting = model.embed(['wait'], controller.signal);
    const behind = model.embed(['behind'], signal);
    // By the next turn the call is with the thread; before that it would only leave the queue.
    await nextTurn();
    controller.abort(new Error('cancelled by hand'));
    await expect(waiting).rejects.toThrow('cancelled by hand');
    expect(valuesOf(await behind)).toHaveLength(1);
    expect(await threadOf(model)).toBe(before);
  });

  it('lets a call that waits for its turn go at once when it is cancelled', async () => {
    await using model = await loadMisbehaving();
    const first = new AbortController();
    const second = new AbortController();
    const running = model.embed(['wait'], first.signal);
    const behind = model.embed(['behind'], second.signal);
    await nextTurn();
    second.abort(new Error('not needed'));
    await expect(behind).rejects.toThrow('not needed');
    first.abort(new Error('nor this'));
    await expect(running).rejects.toThrow('nor this');
    expect(valuesOf(await model.embed(['after'], signal))).toHaveLength(1);
  });

  it('closes after the calls in progress, once, and answers nothing afterwards', async () => {
    const model = await loadFixture('mean');
    const call = model.embed(new Array<string>(300).fill('lamp'), signal);
    const order: string[] = [];
    const closed = [model.close(), model.close()].map((closing) => closing.then(() => order.push('closed')));
    await call.then((outcomes) => order.push(`answered ${valuesOf(outcomes).length}`));
    await Promise.all(closed);
    expect(order).toEqual(['answered 300', 'closed', 'closed']);
    await expect(model.embed(['late'], signal)).rejects.toThrow('closed');
  });

  it('closes also when its thread has ended', async () => {
    const model = await loadMisbehaving();
    await expect(model.embed(['exit'], signal)).rejects.toThrow('ended');
    await model.close();
  });
});

describe('the engine in a thread', () => {
  const open = (name: string, weights = 'onnx/model.onnx') => {
    const folder = fixturePath(name);
    return openEngine(
      {
        weightsPath: `${folder}/${weights}`,
        tokenizerPath: `${folder}/tokenizer.json`,
        tokenizerConfigPath: undefined,
        task: { kind: 'embed', pooling: 'mean', prefix: '' },
        maxTokens: 24,
        padTokenId: 0,
        threads: 1,
      },
      createThreadControl(),
    );
  };

  it('runs texts together only where that changes no bit', async () => {
    const [mean, quantized] = [await open('mean'), await open('quantized', 'onnx/model_quantized.onnx')];
    expect(mean.facts).toMatchObject({ isBatchable: true, dimensions: 16 });
    expect(quantized.facts).toMatchObject({ isBatchable: false, dimensions: 16 });
    await Promise.all([mean.close(), quantized.close()]);
  });

  it('stops between batches', async () => {
    const engine = await open('mean');
    const texts = new Array<string>(1_000).fill('A queue hands each job to exactly one worker.');
    let asked = 0;
    await engine.embed(texts, () => {
      asked += 1;
      return false;
    });
    // Once for each text when it is split, then once for each batch: 1000 texts of 13 tokens are 13 batches.
    expect(asked).toBeGreaterThan(1_010);
    let left = 1_003;
    await expect(engine.embed(texts, () => left-- === 0)).rejects.toThrow('cancelled');
    expect(left).toBe(-1);
    await engine.close();
  });
});
