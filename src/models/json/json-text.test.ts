import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../json-value.ts';
import { decimalOf, isExactNumber, isInRangeOfJsonb, isJsonNumber, numberText } from './json-number.ts';
import { parseJson, writeJson } from './json-text.ts';
import { jsonbProblem } from './jsonb-problem.ts';

/** Numbers as JSON may spell them, of up to 40 digits and any exponent. */
const numberTexts = fc
  .tuple(
    fc.constantFrom('', '-'),
    fc.bigInt({ min: 0n, max: 10n ** 40n }),
    fc.option(fc.stringMatching(/^\d{1,40}$/)),
    fc.option(fc.tuple(fc.constantFrom('e', 'E'), fc.constantFrom('', '+', '-'), fc.nat(400))),
  )
  .map(
    ([sign, whole, fraction, exponent]) =>
      `${sign}${whole}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : exponent.join('')}`,
  );

test('a number of a text is a double only where that says the same', () => {
  expect(
    ['0', '-1', '1.50', '1e2', '9007199254740993', '0.1', '1e400', '3.14159265358979323846'].map(parseJson),
  ).toEqual([
    0,
    -1,
    1.5,
    100,
    { '\0number': '9007199254740993' },
    0.1,
    { '\0number': '1e400' },
    { '\0number': '314159265358979323846e-20' },
  ]);
  expect(parseJson('[1181234567890123456, 1181234567890123457]')).toEqual([
    { '\0number': '1181234567890123456' },
    { '\0number': '1181234567890123457' },
  ]);
});

test('equal numbers are equal values, and different ones are not, however they are spelled', () => {
  expect(new Set(['1e2', '100', '100.0', '0.1e3', '1000E-1'].map((text) => canonicalJson(parseJson(text))))).toEqual(
    new Set(['100']),
  );
  fc.assert(
    fc.property(numberTexts, numberTexts, fc.nat(30), (one, other, zeros) => {
      const longer = one.replace(
        /^(-?\d+)(?:\.(\d+))?/,
        (_, whole, fraction = '') => `${whole}.${fraction}${'0'.repeat(zeros + 1)}`,
      );
      const [a, b, c] = [one, longer, other].map((text) => canonicalJson(parseJson(text)));
      expect(b).toBe(a);
      expect(a === c).toBe(exactly(one) === exactly(other));
    }),
  );
});

test('what is written reads back as it was, digit by digit', () => {
  fc.assert(
    fc.property(numberTexts, (text) => {
      const value = parseJson(text);
      expect(isJsonNumber(value)).toBe(true);
      expect(exactly(writeJson(value))).toBe(exactly(text));
      if (isExactNumber(value)) expect(exactly(numberText(decimalOf(value)))).toBe(exactly(text));
    }),
  );
  const tricky =
    '{"a\\"1181234567890123457":"1181234567890123457 \\\\","b":[1181234567890123457,{"c":-1e-400}],"":"\\\\\\""}';
  expect(writeJson(parseJson(tricky))).toBe(tricky);
  expect(writeJson({ id: 1181234567890123457n, small: 5n })).toBe('{"id":1181234567890123457,"small":5}');
  expect(writeJson(undefined)).toBeUndefined();
});

test('every text of JSON is the value that the platform reads, but for such numbers, and every other is refused', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.parse(writeJson(parseJson(text)))).toEqual(JSON.parse(text));
    }),
  );
  for (const text of [
    '',
    '01',
    '1181234567890123457.',
    '{1181234567890123457:1}',
    '"1e5',
    '[1e400 1]',
    '0012345678901234567',
  ]) {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  }
});

test('no text can be taken for a number that is held exactly', () => {
  for (const text of ['"5"', '"abc"', '5', '[]', '"1181234567890123457"']) {
    for (const name of ['\\u0000number', '\\u0000n\\u0075mber']) {
      expect(() => parseJson(`{"${name}":${text}}`)).toThrow(SyntaxError);
      expect(() => parseJson(`[1e400,{"a":1,"${name}":${text}}]`)).toThrow(SyntaxError);
    }
  }
  expect(jsonbProblem(parseJson('{"\\u0000":1}'))).toBe('a character');
  const forged = [
    { '\0number': 'abc' },
    { '\0number': 5 },
    { '\0number': '1e400', b: 1 },
    Object.create({ '\0number': '1e400' }),
  ];
  expect(forged.filter(isExactNumber)).toEqual([]);
});

test('an exponent takes no time', () => {
  const started = performance.now();
  for (const text of ['1e999999999', '-1e-999999999', `1e${'9'.repeat(400)}`]) {
    expect(jsonbProblem(parseJson(text))).toBe('a number');
  }
  expect(performance.now() - started).toBeLessThan(1_000);
});

test('the range of jsonb is known', () => {
  const within = ['9'.repeat(131_072), '1e131071', '1e-16383', `0.${'1'.repeat(16_383)}`];
  const beyond = [`1${'0'.repeat(131_071)}1`, '1e131072', '1e-16384', `0.${'1'.repeat(16_384)}`];
  const isHeld = (text: string) => {
    const value = parseJson(text);
    return isExactNumber(value) && isInRangeOfJsonb(value);
  };
  expect(within.filter(isHeld)).toEqual(within);
  expect(beyond.filter(isHeld)).toEqual([]);
});

/** The value of a number, by arithmetic of its own: numerator and power of ten. */
function exactly(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const shifted = BigInt(sign + whole + fraction) * 10n ** BigInt(Number(exponent) - fraction.length + 1_000);
  return shifted.toString();
}
