import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileOutput } from '../../src/models/grammar/compile-output.ts';
import type { JsonSchema, JsonValue } from '../../src/models/json-value.ts';
import { acceptorOf, closeEngine } from './accepts.ts';
import { openGenerator, type TestGenerator } from './generates.ts';

let generator: TestGenerator;
beforeAll(async () => {
  generator = await openGenerator();
});
afterAll(async () => {
  await generator.close();
  await closeEngine();
});

const names = fc.subarray(['a', 'b', 'cc']);
const scalars = fc.constantFrom<JsonValue>(null, true, 0, 1, -2, 2.5, 12, '', 'a', 'b"', 'long text');

/** Values that schemas of {@link schemas} tell apart. */
const values: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalars,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'cc', 'c', 'x'), tie('value'), { maxKeys: 3 }),
  ),
})).value;

/** Keywords that the grammar is exact for; `others` are added to the choices. */
function schemas(others: readonly ((schema: fc.Arbitrary<JsonSchema>) => fc.Arbitrary<JsonSchema>)[] = []) {
  return fc
    .letrec<{ schema: JsonSchema }>((tie) => {
      const schema = tie('schema');
      const optional = { requiredKeys: [] };
      const choices: fc.Arbitrary<JsonSchema>[] = [
        fc.constantFrom<JsonSchema>(
          true,
          {},
          { type: 'null' },
          { type: ['boolean', 'string'] },
          { $ref: '#/$defs/shared' },
        ),
        fc.record({ enum: fc.uniqueArray(scalars, { minLength: 1, maxLength: 4 }) }),
        fc.record(
          { type: fc.constantFrom('integer', 'number'), minimum: bound(-30, 3), exclusiveMaximum: bound(0, 200) },
          { requiredKeys: ['type'] },
        ),
        fc.record(
          {
            type: fc.constant('string'),
            minLength: fc.nat(2),
            maxLength: fc.integer({ min: 1, max: 9 }),
            pattern: fc.constantFrom('^a', 'b', '^[^"]*$'),
          },
          { requiredKeys: ['type'] },
        ),
        fc.record(
          {
            type: fc.constant('array'),
            items: schema,
            prefixItems: fc.array(schema, { minLength: 1, maxLength: 2 }),
            minItems: fc.nat(2),
            maxItems: fc.nat(3),
          },
          { requiredKeys: ['type', 'maxItems'] },
        ),
        fc.record(
          {
            type: fc.constant('object'),
            properties: fc.dictionary(fc.constantFrom('a', 'b', 'cc'), schema, { maxKeys: 3 }),
            required: names,
            additionalProperties: schema,
            minProperties: fc.nat(2),
            maxProperties: fc.nat(4),
          },
          { requiredKeys: ['type', 'maxProperties'] },
        ),
        fc.record({ anyOf: fc.array(schema, { minLength: 1, maxLength: 3 }) }),
        fc.record({ allOf: fc.array(schema, { minLength: 2, maxLength: 2 }) }, optional),
        ...others.map((other) => other(schema)),
      ];
      return { schema: fc.oneof({ depthSize: 'small', maxDepth: 3 }, ...choices) as fc.Arbitrary<JsonSchema> };
    })
    .schema.map(
      (schema): JsonSchema => ({
        allOf: [schema],
        $defs: { shared: { type: ['integer', 'array'], items: { type: 'integer' }, maxItems: 2 } },
      }),
    );
}

function bound(min: number, max: number): fc.Arbitrary<number> {
  return fc.integer({ min: min * 4, max: max * 4 }).map((quarters) => quarters / 4);
}

const LOOSE: readonly ((schema: fc.Arbitrary<JsonSchema>) => fc.Arbitrary<JsonSchema>)[] = [
  (schema) => fc.record({ oneOf: fc.array(schema, { minLength: 2, maxLength: 2 }) }),
  (schema) => fc.record({ not: schema }),
  (schema) => fc.record({ type: fc.constant('array'), items: schema, contains: schema, uniqueItems: fc.boolean() }),
  (schema) => fc.record({ if: schema, else: schema }),
  (schema) =>
    fc.record({
      type: fc.constant('object'),
      patternProperties: fc.record({ '^c': schema }),
      propertyNames: fc.constantFrom<JsonSchema>(true, { maxLength: 1 }),
    }),
  () => fc.record({ type: fc.constant('integer'), multipleOf: fc.constantFrom(2, 3, 25) }),
];

test('whatever the schema and the value: what is valid is in the grammar, and the check is exact', async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(schemas(LOOSE), fc.array(values, { minLength: 12, maxLength: 12 }), async (schema, instances) => {
      const isValid = reference(schema);
      const output = compileOutput({ kind: 'json', schema });
      if (output === undefined || 'refusal' in output) {
        refused += 1;
        expect(output?.refusal).toMatch(/No value at all is valid/);
        expect(instances.filter(isValid)).toEqual([]);
        return;
      }
      const isAccepted = await acceptorOf(output.gbnf);
      for (const instance of instances) {
        const texts = spellings(instance).map((value) => JSON.stringify(value));
        expect([instance, output.problemOf(texts[0] ?? '') === undefined]).toEqual([instance, isValid(instance)]);
        if (isValid(instance)) expect([instance, texts.some(isAccepted)]).toEqual([instance, true]);
      }
    }),
    { numRuns: 50 },
  );
  expect(refused).toBeLessThan(25);
}, 60_000);

test('whatever the schema: what a model writes under its grammar parses and is valid', async () => {
  let complete = 0;
  await fc.assert(
    fc.asyncProperty(schemas(), fc.nat(1_000_000), async (schema, seed) => {
      const output = compileOutput({ kind: 'json', schema });
      if (output === undefined || 'refusal' in output) return;
      const text = await generator.generate(output.gbnf, seed, 150);
      if (text === undefined) return;
      complete += 1;
      expect([text, output.problemOf(text)]).toEqual([text, repeated(output.problemOf(text))]);
      if (output.problemOf(text) === undefined)
        expect([text, reference(schema)(JSON.parse(text))]).toEqual([text, true]);
    }),
    { numRuns: 40 },
  );
  expect(complete).toBeGreaterThan(10);
}, 60_000);

/** The one thing that the grammar leaves to the check here, where it is what was found. */
function repeated(problem: string | undefined): string | undefined {
  return problem?.startsWith('The model gave JSON with two properties named') === true ? problem : undefined;
}

/** A validator of its own, with nothing of ours but the schema. */
function reference(schema: JsonSchema): (value: unknown) => boolean {
  const validate = new Ajv2020({ strict: false, logger: false, ownProperties: true }).compile(schema as object); // true and false too
  // As it is read from a text: the validator tells objects without a prototype, which the generator makes, from others.
  return (value) => validate(JSON.parse(JSON.stringify(value))) === true;
}

/** The value with the properties of its objects in every order, as the order of a schema's parts is hard to tell. */
function spellings(value: JsonValue): readonly JsonValue[] {
  if (typeof value !== 'object' || value === null) return [value];
  if (Array.isArray(value)) {
    return value.reduce<JsonValue[][]>(
      (lists, item) => lists.flatMap((list) => spellings(item as JsonValue).map((spelling) => [...list, spelling])), // is JSON
      [[]],
    );
  }
  return orders(Object.entries(value)).flatMap((entries) =>
    entries
      .reduce<[string, JsonValue][][]>(
        (lists, [key, child]) =>
          lists.flatMap((list) =>
            spellings(child).map((spelling) => [...list, [key, spelling] as [string, JsonValue]]),
          ),
        [[]],
      )
      .map((list) => Object.fromEntries(list)),
  );
}

function orders<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item, index) =>
    orders(items.filter((_, other) => other !== index)).map((rest) => [item, ...rest]),
  );
}
