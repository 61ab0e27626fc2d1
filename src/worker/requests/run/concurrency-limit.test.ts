import { expect, test } from 'vitest';
import { defineModel } from '../../../models/define-model.ts';
import { createConcurrencyLimit } from './concurrency-limit.ts';

const model = (maxConcurrency = Number.POSITIVE_INFINITY) =>
  defineModel({ name: 'm', runtime: 'test', fingerprint: 'm', maxConcurrency });
const embed = { functionName: 'embed', model: 'default' } as const;
const generate = { functionName: 'generate', model: 'default' } as const;

test('a worker for one function may run all its batches', () => {
  const limit = createConcurrencyLimit(() => 3, 1);
  expect(limit.freeFor(embed, model())).toBe(3);
});

test('the last slot is kept for a function that runs nothing yet', () => {
  const [a, b] = [model(), model()];
  const limit = createConcurrencyLimit(() => 3, 2);
  expect(limit.freeFor(generate, a)).toBe(2);
  limit.take(generate, a);
  limit.take(generate, a);
  expect(limit.freeFor(generate, a)).toBe(0);
  expect(limit.freeFor(embed, b)).toBe(1);
  limit.take(embed, b);
  expect(limit.freeFor(embed, b)).toBe(0);
  limit.give(generate, a);
  // One is free, and each function runs something: it is kept for a third one.
  expect([limit.freeFor(generate, a), limit.freeFor(embed, b), limit.running]).toEqual([0, 0, 2]);
});

test('with one slot there is no reserve, with two each function has one', () => {
  const [a, b] = [model(), model()];
  expect(createConcurrencyLimit(() => 1, 2).freeFor(generate, a)).toBe(1);
  const two = createConcurrencyLimit(() => 2, 2);
  expect(two.freeFor(generate, a)).toBe(1);
  two.take(generate, a);
  expect([two.freeFor(generate, a), two.freeFor(embed, b)]).toEqual([0, 1]);
});

test('a model is given no more calls than it takes, in all its lanes together', () => {
  const shared = model(2);
  const limit = createConcurrencyLimit(() => 10, 2);
  limit.take(embed, shared);
  expect(limit.freeFor(generate, shared)).toBe(1);
  limit.take(generate, shared);
  expect(limit.freeFor(embed, shared)).toBe(0);
  expect(limit.freeFor(embed, model())).toBeGreaterThan(0);
});

test('a lower concurrency holds at once, and never gives a negative number', () => {
  let concurrency = 4;
  const limit = createConcurrencyLimit(() => concurrency, 1);
  const m = model();
  for (let n = 0; n < 4; n += 1) limit.take(embed, m);
  concurrency = 2;
  expect(limit.freeFor(embed, m)).toBe(0);
  limit.give(embed, m);
  limit.give(embed, m);
  limit.give(embed, m);
  expect(limit.freeFor(embed, m)).toBe(1);
});
