import { afterAll, describe, expect, test } from 'vitest';
import { acceptorOf, closeEngine } from './accepts.ts';
import { compiled } from './compiled.ts';
import { ARRAY_CASES } from './schema-cases/arrays.ts';
import { COMBINATION_CASES } from './schema-cases/combinations.ts';
import { NUMBER_CASES } from './schema-cases/numbers.ts';
import { OBJECT_CASES } from './schema-cases/objects.ts';
import type { SchemaCase } from './schema-cases/schema-case.ts';
import { STRING_CASES } from './schema-cases/strings.ts';
import { VALUE_CASES } from './schema-cases/values.ts';

afterAll(closeEngine);

const SUBJECTS: Readonly<Record<string, readonly SchemaCase[]>> = {
  'types and values': VALUE_CASES,
  numbers: NUMBER_CASES,
  strings: STRING_CASES,
  arrays: ARRAY_CASES,
  objects: OBJECT_CASES,
  combinations: COMBINATION_CASES,
};

for (const [subject, cases] of Object.entries(SUBJECTS)) {
  describe(`the engine and the check agree with JSON Schema on ${subject}`, () => {
    test.each(cases)('$title', async ({ schema, valid, invalid, checked = [] }) => {
      const { gbnf, problemOf } = compiled({ kind: 'json', schema });
      const isAccepted = await acceptorOf(gbnf);
      const verdicts = (values: readonly unknown[]) =>
        values
          .map((value) => JSON.stringify(value))
          .map((text) => [text, isAccepted(text), problemOf(text) === undefined]);
      expect(verdicts(valid)).toEqual(valid.map((value) => [JSON.stringify(value), true, true]));
      expect(verdicts(invalid)).toEqual(invalid.map((value) => [JSON.stringify(value), false, false]));
      expect(verdicts(checked)).toEqual(checked.map((value) => [JSON.stringify(value), true, false]));
    });
  });
}

describe('the spelling of a value', () => {
  const accepted = async (schema: boolean, texts: readonly string[]) => {
    const isAccepted = await acceptorOf(compiled({ kind: 'json', schema }).gbnf);
    return texts.filter(isAccepted);
  };

  test('one space may follow a comma and a colon, and nothing more', async () => {
    const good = ['{"a": 1, "b": [1, 2]}', '{"a":1,"b":[1,2]}'];
    const bad = ['{ "a":1}', '{"a" :1}', '{"a":  1}', '[1 ]', '[ 1]', ' 1', '1 ', '1\n', '[1,\n2]'];
    expect(await accepted(true, [...good, ...bad])).toEqual(good);
  });

  test('a character has one spelling, so that none of them can hide what jsonb cannot hold', async () => {
    const good = ['"\\n"', '"\\u001f"', '"\\""', '"\u007f"'];
    const bad = ['"\\u0000"', '"\\ud800"', '"\\u0041"', '"\\/"', '"\\u000a"', '"\\u001F"', '"\n"', '"\\x"', "'a'"];
    expect(await accepted(true, [...good, ...bad])).toEqual(good);
  });

  test('a number has no superfluous digits, and no more than a double and numeric can hold', async () => {
    const good = ['0', '-1', '1.50', '1e5', '1E-7', '9e288', '123456789012345678'];
    const bad = ['01', '+1', '1.', '.5', '1e', '1e05', '1e999', '1e290', '1234567890123456789', `0.${'1'.repeat(21)}`];
    expect(await accepted(true, [...good, ...bad])).toEqual(good);
  });
});

test('names that are repeated are found by the check', async () => {
  const { gbnf, problemOf } = compiled({ kind: 'json', schema: { type: 'object', properties: { a: {} } } });
  const isAccepted = await acceptorOf(gbnf);
  expect(isAccepted('{"a":1,"a":2}')).toBe(false);
  expect(isAccepted('{"b":1,"b":2}')).toBe(true);
  expect(problemOf('{"b":1,"b":2}')).toBe('The model gave JSON with two properties named "b"');
  expect(problemOf('[{"b":1},{"b":2,"c":{"b":3}}]')).toContain('must be object');
});

test.each([
  ['required', { required: ['reasoning', 'answer'] }],
  ['propertyOrdering', { propertyOrdering: ['reasoning', 'answer'] }],
])('a model writes its reasoning before its answer where %s says so', async (_, wish) => {
  const schema = {
    type: 'object',
    properties: { answer: {}, reasoning: {} },
    minProperties: 2,
    maxProperties: 2,
    ...wish,
  };
  const isAccepted = await acceptorOf(compiled({ kind: 'json', schema }).gbnf);
  expect(['{"reasoning":"a","answer":1}', '{"answer":1,"reasoning":"a"}'].map(isAccepted)).toEqual([true, false]);
});

test('parts that differ in their order alone have grammars of their own', async () => {
  const part = (ordering: readonly string[]) => ({
    type: 'object',
    properties: { a: { const: 1 }, b: { const: 2 } },
    additionalProperties: false,
    propertyOrdering: ordering,
  });
  const schema = { type: 'array', prefixItems: [part(['a', 'b']), part(['b', 'a'])] };
  const isAccepted = await acceptorOf(compiled({ kind: 'json', schema }).gbnf);
  expect(['[{"a":1,"b":2},{"b":2,"a":1}]', '[{"b":2,"a":1},{"a":1,"b":2}]'].map(isAccepted)).toEqual([true, false]);
});
