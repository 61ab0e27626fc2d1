import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { patternTester } from '../../src/models/grammar/regex/pattern-tester.ts';
import { acceptorOf, closeEngine } from './accepts.ts';
import { compiled } from './compiled.ts';

afterAll(closeEngine);

/** What each pattern of zod takes and leaves; a pattern that is not named here is only compiled. */
const SAMPLES: Readonly<Record<string, readonly [accepted: string, rejected: string]>> = {
  base64: ['YWI=', 'YWI'],
  cidrv6: ['2001:db8::/32', '2001:db8::/129'],
  creditCard: ['4111 1111 1111 1111', '4111'],
  date: ['2024-02-29', '2023-02-29'],
  domain: ['a.example.org', '-a.example.org'],
  duration: ['P1Y2DT3H', 'P'],
  email: ['ann.lee@example.org', 'ann..lee@example.org'],
  extendedDuration: ['-P1,5Y', 'P1,5Y1M'],
  hostname: ['example', 'example-'],
  iban: ['DE89370400440532013000', 'DE00370400440532013000'],
  ipv6: ['::1', ':::1'],
  rfc5322Email: ['"a b"@example.org', 'a b@example.org'],
  uuid4: ['9b2c4f8e-52d3-4f0a-9f6e-1d2c3b4a5968', '9b2c4f8e-52d3-1f0a-9f6e-1d2c3b4a5968'],
};

const PATTERNS = Object.entries(z.regexes).flatMap(([name, value]) =>
  value instanceof RegExp ? [[name, value] as const] : [],
);

describe('a pattern of zod compiles, and means what V8 says', () => {
  test.each(PATTERNS)('%s', async (name, expression) => {
    const { source } = expression;
    const { gbnf, problemOf } = compiled({ kind: 'json', schema: { type: 'string', pattern: source } });
    const isAccepted = await acceptorOf(gbnf);
    const tester = patternTester(source);
    for (const text of SAMPLES[name] ?? []) {
      const expected = expression.test(text);
      const json = JSON.stringify(text);
      expect([text, tester.test(text), isAccepted(json), problemOf(json) === undefined]).toEqual([
        text,
        expected,
        expected,
        expected,
      ]);
    }
  });

  test('so do those that are made from options, and those of emoji', async () => {
    const schemas = [z.emoji(), z.mac(), z.uuidv7(), z.iso.time({ precision: 3 }), z.iso.datetime({ offset: true })];
    for (const schema of schemas) {
      const { pattern = '' } = z.toJSONSchema(schema);
      expect(() => compiled({ kind: 'json', schema: { type: 'string', pattern } })).not.toThrow();
    }
    const { pattern = '' } = z.toJSONSchema(z.emoji());
    const isAccepted = await acceptorOf(compiled({ kind: 'regex', pattern }).gbnf);
    expect(['😀', '🇩🇪', '1️⃣', '1', 'a'].map(isAccepted)).toEqual([true, true, true, false, false]);
  });
});

/** As pydantic and its users write them, for Rust's and Python's engines. */
describe('a pattern of pydantic compiles', () => {
  test.each([
    ['^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$', '12.5', '+.'],
    ['^(?!^[-+.]*$)[+-]?0*(?:\\d{0,8}|(?=[\\d.]{1,11}0*$)\\d{0,8}\\.\\d{0,2}0*$)', '12345678.25', '+.'],
    ['^[0-9]{3}-\\d{2}-[0-9]{4}$', '123-45-6789', '123456789'],
    ['^(?P<year>\\d{4})-(?P<month>\\d{2})\\Z', '2024-01', '2024-1'],
    ['(?i)^(red|green|blue)$', 'Red', 'reddish'],
  ])('%s', async (pattern, accepted, rejected) => {
    const { gbnf, problemOf } = compiled({ kind: 'json', schema: { type: 'string', pattern } });
    const isAccepted = await acceptorOf(gbnf);
    const judge = (text: string) => [isAccepted(JSON.stringify(text)), problemOf(JSON.stringify(text)) === undefined];
    expect([...judge(accepted), ...judge(rejected)]).toEqual([true, true, false, false]);
  });
});
