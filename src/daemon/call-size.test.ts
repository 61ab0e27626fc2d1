import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createCallSize } from './call-size.ts';

const TEXTS = Array.from({ length: 100 }, (_, at) => `text ${at}`);

function sizeAt() {
  let nowMs = 0;
  const told: (readonly [ms: number, texts: number])[] = [];
  const clock = { nowMs: () => nowMs, delay: () => nextTurn() };
  const size = createCallSize(clock, (...args) => told.push(args));
  return {
    told,
    size,
    /** A call that computes for so long on each text, and how many it got. */
    compute: (msPerText: number) =>
      size.run(TEXTS, async (first) => {
        nowMs += first.length * msPerText;
        return first.length;
      }),
  };
}

test('a model that computes in the process gets as many texts as take half a second, and that is told once', async () => {
  const { compute, told } = sizeAt();
  expect(await compute(40)).toBe(100);
  expect(await compute(40)).toBe(12);
  expect(await compute(40)).toBe(12);
  expect(await compute(10_000)).toBe(12);
  expect(await compute(10_000)).toBe(1);
  expect(told).toEqual([[4_000, 100]]);
});

test('a model that has become faster gets more again', async () => {
  const { compute } = sizeAt();
  await compute(40);
  expect([await compute(1), await compute(1), await compute(1), await compute(1)]).toEqual([12, 24, 48, 96]);
});

test('a call that has waited for something is no computing', async () => {
  const { size, told, compute } = sizeAt();
  await size.run(TEXTS, async () => {
    await nextTurn();
    await nextTurn();
    await compute(0);
  });
  expect(await compute(0)).toBe(100);
  expect(told).toEqual([]);
});

test('calls that begin together let everything else run between them', async () => {
  const { compute } = sizeAt();
  const order: string[] = [];
  setImmediate(() => order.push('else'));
  await Promise.all([compute(1).then(() => order.push('one')), compute(1).then(() => order.push('two'))]);
  expect(order).toEqual(['one', 'else', 'two']);
});
