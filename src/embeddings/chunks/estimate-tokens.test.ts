import fc from 'fast-check';
import { expect, test } from 'vitest';
import { startCpuTimer } from '../../../test/support/cpu-time.ts';
import { estimateTokens } from './estimate-tokens.ts';

const tokensOf = (text: string) => {
  const ends = [...estimateTokens(text)];
  return ends.map((end, at) => text.slice(ends[at - 1] ?? 0, end));
};

test.each<[text: string, tokens: string[]]>([
  ['the lighthouse keeper', ['the', ' ligh', 'thou', 'se', ' keep', 'er']],
  ['camelCase, 12345', ['came', 'l', 'Case', ',', ' 123', '45']],
  ['a\n\nb', ['a', '\n', '\n', 'b']],
  ['маяк', ['ма', 'як']],
  ['灯台', ['灯', '台']],
  ['😀a', ['😀', '', 'a']],
  ['', []],
])('divides %j', (text, tokens) => {
  expect(tokensOf(text)).toEqual(tokens);
});

test('covers any text with rising ends', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string()), (text) => {
      const ends = [...estimateTokens(text)];
      expect(ends.every((end, at) => end >= (ends[at - 1] ?? 0))).toBe(true);
      expect(ends.at(-1) ?? 0).toBe(text.length);
    }),
  );
});

test('takes 5 MB in well under a second of computing', () => {
  const text = 'The keeper climbed 429 steps — маяк, 灯台 😀.\n'.repeat(110_000);
  const cpuMs = startCpuTimer();
  estimateTokens(text);
  expect(cpuMs()).toBeLessThan(1_500);
});
