import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shareTokens } from './share-tokens.ts';

test('shares come to the sum, and none is below 0', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), fc.array(fc.string(), { minLength: 1 }), (sum, texts) => {
      const shares = shareTokens(sum, texts) ?? [];
      expect(shares.reduce((all, share) => all + share, 0)).toBe(sum);
      expect(Math.min(...shares)).toBeGreaterThanOrEqual(0);
    }),
  );
});

test('longer texts have more', () => {
  expect(shareTokens(40, ['a'.repeat(9), 'a'.repeat(29)])).toEqual([10, 30]);
});
