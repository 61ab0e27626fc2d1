import { expect, test } from 'vitest';
import { defineModel } from '../../../models/define-model.ts';
import { createConcurrencyLimit } from './concurrency-limit.ts';

const model = (maxConcurrency = Number.POSITIVE_INFINITY) =>
  defineModel({ name: 'm', runtime: 'test', fingerprint: 'm', maxConcurrency });
const embed = { functionName: 'embed', model: 'default' } as const;
const generate = { functionName: 'generate', model: 'default' } as const;

test('a worker for one function uses all its slots for it', () => {
  const slots = createConcurrencyLimit(() => 3, 1);
  expect(slots.freeFor(embed, model())).toBe(3);
});

test('the last slot is kept for a function that runs nothing yet', () => {
  const [a, b] = [model(), model()];
  const slots = createConcurrencyLimit(() => 3, 2);
  expect(slots.freeFor(generate, a)).toBe(2);
  slots.take(generate, a);
  slots.take(generate, a);
  expect(slots.freeFor(generate, a)).toBe(0);
  expect(slots.freeFor(embed, b)).toBe(1);
  slots.take(embed, b);
  expect(slots.freeFor(embed, b)).toBe(0);
  slots.give(generate, a);
  // One is free, and each function runs something: it is kept for a third one.
  expect([slots.freeFor(generate, a), slots.freeFor(embed, b), slots.running]).toEqual([0, 0, 2]);
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
  const slots = createConcurrencyLimit(() => 10, 2);
  slots.take(embed, shared);
  expect(slots.freeFor(generate, shared)).toBe(1);
  slots.take(generate, shared);
  expect(slots.freeFor(embed, shared)).toBe(0);
  expect(slots.freeFor(embed, model())).toBeGreaterThan(0);
});

test('a lower concurrency holds at once, and never gives a negative number', () => {
  let concurrency = 4;
  const slots = createConcurrencyLimit(() => concurrency, 1);
  const m = model();
  for (let n = 0; n < 4; n += 1) slots.take(embed, m);
  concurrency = 2;
  expect(slots.freeFor(embed, m)).toBe(0);
  slots.give(embed, m);
  slots.give(embed, m);
  slots.give(embed, m);
  expect(slots.freeFor(embed, m)).toBe(1);
});
