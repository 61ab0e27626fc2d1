import { expect, test } from 'vitest';
import { cutLine } from './full-screen.ts';

test('a line that fits is left as it is', () => {
  expect(cutLine('abc', 3)).toBe('abc');
});

test('a line is cut by the columns that its characters take', () => {
  expect(cutLine('abcd', 3)).toBe('abc');
  expect(cutLine('日本語', 5)).toBe('日本');
});

test('colours take no column, and end where the line is cut', () => {
  expect(cutLine('\u001b[1mabc\u001b[22m', 3)).toBe('\u001b[1mabc\u001b[22m');
  expect(cutLine('\u001b[1mabcd\u001b[22m', 3)).toBe('\u001b[1mabc\u001b[0m');
});
