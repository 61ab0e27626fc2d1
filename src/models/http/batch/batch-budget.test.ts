import { expect, it } from 'vitest';
import { createBatchBudget } from './batch-budget.ts';

const sizes = (parts: number[][]) => parts.map(({ length }) => length);
const ones = (count: number) => Array.from({ length: count }, () => 1);

it('cuts in order by number and by bytes, and lets a single item be too long', () => {
  const budget = createBatchBudget({ maxItems: 3, maxBytes: 10 });
  expect(budget.cut([4, 5, 6, 1, 1, 1, 99, 1], (item) => item)).toEqual([[4, 5], [6, 1, 1], [1], [99], [1]]);
  expect(budget.cut([], () => 1)).toEqual([]);
});

it('halves with each refusal, not below one, and grows again after many full batches', () => {
  const budget = createBatchBudget({ maxItems: 8, maxBytes: 1000 });
  budget.shrink(8);
  expect(sizes(budget.cut(ones(8), () => 1))).toEqual([4, 4]);
  for (let i = 0; i < 100; i++) budget.pass(3);
  expect(sizes(budget.cut(ones(8), () => 1))).toEqual([4, 4]);
  for (let i = 0; i < 64; i++) budget.pass(4);
  expect(sizes(budget.cut(ones(8), () => 1))).toEqual([8]);
  for (let i = 0; i < 1000; i++) budget.pass(8);
  expect(sizes(budget.cut(ones(9), () => 1))).toEqual([8, 1]);
  for (let i = 0; i < 9; i++) budget.shrink(1);
  expect(sizes(budget.cut(ones(2), () => 1))).toEqual([1, 1]);
});
