import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { parseJson, writeJson } from '../../src/models/json/json-text.ts';
import type { JsonSchema, JsonValue } from '../../src/models/json-value.ts';
import { acceptorOf, closeEngine } from './accepts.ts';
import { compiled, refusalOf } from './compiled.ts';
import { ZOD_CASES } from './machine-schemas/zod-types.ts';

afterAll(closeEngine);

const TARGETS = ['draft-2020-12', 'draft-07', 'draft-04', 'openapi-3.0'] as const;

/** One type of a library, every schema that it comes out as, and values that fit at least one of them. */
interface MachineCase {
  readonly name: string;
  readonly schemas: readonly JsonSchema[];
  readonly valid: readonly JsonValue[];
}

// with every number as it stands there
const PYDANTIC_CASES = parseJson(
  readFileSync(new URL('machine-schemas/pydantic.json', import.meta.url), 'utf8'),
) as unknown as readonly MachineCase[];

function schemasOf(type: z.ZodType): readonly JsonSchema[] {
  const texts = TARGETS.flatMap((target) =>
    (['input', 'output'] as const).map((io) =>
      JSON.stringify(z.toJSONSchema(type, { target, io, unrepresentable: 'any' })),
    ),
  );
  return [...new Set(texts)].map((text) => parseJson(text) as JsonSchema);
}

describe.each<[string, readonly MachineCase[]]>([
  ['zod', ZOD_CASES.map(([name, type, ...valid]) => ({ name, schemas: schemasOf(type), valid }))],
  ['pydantic', PYDANTIC_CASES],
])('%s', (_, cases) => {
  test.each(cases)('$name', async ({ schemas, valid }) => {
    const texts = valid.map((value) => writeJson(value));
    const accepted = new Set<string>();
    for (const schema of schemas) {
      const { gbnf, problemOf } = compiled({ kind: 'json', schema });
      const fitting = texts.filter((text) => problemOf(text) === undefined);
      expect([schema, texts.filter(await acceptorOf(gbnf))]).toEqual([schema, fitting]);
      expect(fitting).not.toEqual([]);
      for (const text of fitting) accepted.add(text);
    }
    expect([...accepted].sort()).toEqual([...texts].sort());
  });
});

describe('dialects', () => {
  const verdicts = async (schema: JsonSchema, values: readonly JsonValue[]) => {
    const { gbnf, problemOf } = compiled({ kind: 'json', schema });
    const isAccepted = await acceptorOf(gbnf);
    return values.filter(
      (value) => isAccepted(JSON.stringify(value)) && problemOf(JSON.stringify(value)) === undefined,
    );
  };

  test.each<[string, JsonSchema, readonly JsonValue[]]>([
    ['a nullable type', { type: 'string', nullable: true }, ['a', null]],
    ['a nullable enum', { enum: ['a'], nullable: true }, ['a', null]],
    ['nullable alternatives', { anyOf: [{ type: 'integer' }], nullable: true }, [1, 2, null]],
    ['nullable false', { type: 'integer', nullable: false }, [1, 2]],
    [
      'nullable where the dialect does not know it',
      { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'string', nullable: true },
      ['a'],
    ],
    ['an exclusive minimum of draft 4', { type: 'integer', minimum: 1, exclusiveMinimum: true }, [2]],
    ['one that is not', { type: 'integer', minimum: 1, exclusiveMinimum: false }, [1, 2]],
    ['one without a minimum', { type: 'integer', exclusiveMaximum: true }, [1, 2]],
    [
      'id and a reference by it',
      {
        id: 'http://example.org/s',
        not: { $ref: 'http://example.org/s#/definitions/n' },
        definitions: { n: { type: 'number' } },
      },
      ['a', null],
    ],
    [
      'what editors add',
      {
        type: 'integer',
        markdownDescription: '*n*',
        defaultSnippets: [],
        errorMessage: 'no',
        'x-order': 1,
        $comment: 'c',
      },
      [1, 2],
    ],
    ['a format that nobody knows', { type: 'string', format: 'starts_with', pattern: '^a' }, ['a']],
    ['a format beside a pattern that it does not fit', { type: 'string', format: 'date', pattern: '^a$' }, ['a']],
    ['a format of another type', { type: 'integer', format: 'unix-time' }, [1, 2]],
  ])('%s', async (_, schema, valid) => {
    expect(await verdicts(schema, ['a', 1, 2, null])).toEqual(valid);
  });

  test.each<[string, string, string]>([
    ['uuid4', '9b2f1c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d', '9b2f1c3d-4e5f-1a6b-8c7d-0e1f2a3b4c5d'],
    ['base64', 'YWI=', 'YWI'],
    ['base64url', 'YWI', 'YW+/'],
    ['ipv4network', '10.0.0.0/8', '10.0.0.0/33'],
    ['ipv6network', '::/64', '::/129'],
    ['ipvanyaddress', '::1', '10.0.0'],
    ['jwt', 'a.b.c', 'a.b'],
  ])('format %s is enforced', async (format, right, wrong) => {
    expect(await verdicts({ type: 'string', format }, [right, wrong])).toEqual([right]);
  });

  test.each<[JsonSchema, string]>([
    [{ name: 'answer', strict: true, schema: { type: 'object' } }, 'pass the value of "schema" alone'],
    [{ type: 'json_schema', json_schema: { name: 'a', schema: {} } }, 'pass the value of "json_schema.schema" alone'],
  ])('what OpenAI takes around a schema is refused with what to do: %j', (schema, hint) => {
    expect(refusalOf({ kind: 'json', schema })).toBe(`Schema is wrapped as for OpenAI's response_format: ${hint}`);
  });
});
