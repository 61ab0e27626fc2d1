import { expect, test } from 'vitest';
import { toDate, toOptionalMs } from './row-text.ts';

test('a duration has its microseconds and no more digits than these', () => {
  expect(toOptionalMs('runMs', '17.719635')).toEqual({ runMs: 17_719.635 });
  expect(toOptionalMs('runMs', '0.66933')).toEqual({ runMs: 669.33 });
  expect(toOptionalMs('runMs', '86400.000001')).toEqual({ runMs: 86_400_000.001 });
  expect(toOptionalMs('runMs', null)).toEqual({});
});

test('a time is that of the server, to the millisecond', () => {
  expect(toDate('1764384251.683999').toISOString()).toBe('2025-11-29T02:44:11.683Z');
});
