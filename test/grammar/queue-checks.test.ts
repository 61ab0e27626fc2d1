import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileOutput } from '../../src/models/grammar/compile-output.ts';
import type { JsonSchema, JsonValue } from '../../src/models/json-value.ts';
import type { GenerateOutput } from '../../src/models/port.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { ARRAY_CASES } from './schema-cases/arrays.ts';
import { COMBINATION_CASES } from './schema-cases/combinations.ts';
import { NUMBER_CASES } from './schema-cases/numbers.ts';
import { OBJECT_CASES } from './schema-cases/objects.ts';
import { STRING_CASES } from './schema-cases/strings.ts';
import { VALUE_CASES } from './schema-cases/values.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());

const CASES = [ARRAY_CASES, COMBINATION_CASES, NUMBER_CASES, OBJECT_CASES, STRING_CASES, VALUE_CASES].flat();
const readJson = (file: string): unknown => JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));

/** What SQL says when it is queued, for each in order; null where it queues it. */
async function refusedBySql(fn: 'require_pattern' | 'require_schema', values: readonly string[]) {
  await db.pool.query(`
    create or replace function refusal(p_pattern text, p_schema jsonb) returns text language plpgsql as $$
    begin
      if p_pattern is not null then perform lamplighter.require_pattern(p_pattern); else perform lamplighter.require_schema(p_schema); end if;
      return null;
    exception when invalid_parameter_value then return sqlerrm;
    end $$`);
  const call = fn === 'require_pattern' ? 'refusal(v.value, null)' : 'refusal(null, v.value::jsonb)';
  const { rows } = await db.pool.query<{ refusal: string | null }>(
    `select ${call} as refusal from unnest($1::text[]) with ordinality as v (value, n) order by v.n`,
    [values],
  );
  return rows.map(({ refusal }) => refusal);
}

function refusedByWorker(output: GenerateOutput): string | undefined {
  const result = compileOutput(output);
  return result !== undefined && 'refusal' in result ? result.refusal : undefined;
}

const PIECES = [
  'a',
  '(',
  ')',
  '[',
  ']',
  '^',
  '\\',
  '?',
  '*',
  '1',
  ':',
  '|',
  '{',
  '#',
  'x',
  'R',
  'Q',
  '(?:',
  '(?=',
  '[^',
  '[:alpha:]',
  '\\1',
];

test('no pattern that a worker takes is refused when it is queued, and others are refused in the same words', async () => {
  const library = (readJson('./python/patterns.json') as readonly [string, string][]).map(([pattern]) => pattern);
  const random = fc.sample(fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 8 }), {
    numRuns: 3000,
    seed: 15,
  });
  const patterns = [...library, ...random.map((pieces) => pieces.join(''))];
  const refusals = await refusedBySql('require_pattern', patterns);
  const wrong = patterns.filter(
    (pattern, at) => refusals[at] !== null && refusedByWorker({ kind: 'regex', pattern }) === undefined,
  );
  expect(wrong).toEqual([]);
  expect(refusals.filter((refusal) => refusal !== null).length).toBeGreaterThan(1000);
});

test.each(['(a', 'a)', 'a\\', '[ab', '(a)\\1', '\\k<a>', 'a(?R)', '(a)(?(1)b|c)', '(*FAIL)', '(?{1})'])(
  'the pattern %s is refused when it is queued as a worker refuses it',
  async (pattern) => {
    expect(await refusedBySql('require_pattern', [pattern])).toEqual([refusedByWorker({ kind: 'regex', pattern })]);
  },
);

test('no schema that a worker takes is refused when it is queued', async () => {
  const machine = (
    readJson('./machine-schemas/pydantic.json') as readonly { schemas: readonly JsonSchema[] }[]
  ).flatMap(({ schemas }) => schemas);
  const schemas = [...machine, ...CASES.map(({ schema }) => schema)];
  const refusals = await refusedBySql(
    'require_schema',
    schemas.map((schema) => JSON.stringify(schema)),
  );
  const wrong = schemas.filter(
    (schema, at) => refusals[at] !== null && refusedByWorker({ kind: 'json', schema }) === undefined,
  );
  expect(wrong).toEqual([]);
});

test.each<Record<string, JsonValue>>([
  { minLength: -1 },
  { minLength: '3' },
  { maxItems: 1.5 },
  { minimum: 'a' },
  { exclusiveMaximum: 'a' },
  { multipleOf: 0 },
  { required: 'a' },
  { required: [1] },
  { enum: [] },
  { enum: 'a' },
  { type: [] },
  { properties: [] },
  { properties: { a: 3 } },
  { anyOf: [] },
  { anyOf: {} },
  { allOf: [1] },
  { items: 3 },
  { items: { $id: 'a' } },
  { additionalProperties: 'no' },
  { uniqueItems: 1 },
  { pattern: 3 },
  { items: { pattern: '(a)\\1' } },
  { $ref: 3 },
  { format: 3 },
  { nullable: 'yes' },
  { xyzzy: 1 },
])('the schema %j is refused when it is queued as a worker refuses it', async (schema) => {
  expect(await refusedBySql('require_schema', [JSON.stringify(schema)])).toEqual([
    refusedByWorker({ kind: 'json', schema }),
  ]);
});
