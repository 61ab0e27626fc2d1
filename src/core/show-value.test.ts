import fc from 'fast-check';
import { expect, test } from 'vitest';
import { showValue } from './show-value.ts';

test.each([
  ['text', '"text"'],
  [1.5, '1.5'],
  [null, 'null'],
  [undefined, 'undefined'],
  [[1], 'an array'],
  [{}, 'an object'],
])('%s is shown as %s', (value, shown) => {
  expect(showValue(value)).toBe(shown);
});

test('a bigint is shown as such', () => {
  expect(showValue(1n)).toBe('1n');
});

test('whatever it is, it is shown in a few words', () => {
  const anything = fc.oneof(
    fc.anything({ withBigInt: true, withNullPrototype: true }),
    fc.constantFrom(Symbol('s'), 10n ** 500n, '\0'.repeat(5_000), () => 1),
  );
  fc.assert(fc.property(anything, (value) => showValue(value).length < 700));
});
