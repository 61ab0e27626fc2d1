import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { compileOutput } from '../../src/models/grammar/compile-output.ts';
import { parseJson } from '../../src/models/json/json-text.ts';
import type { JsonSchema } from '../../src/models/json-value.ts';
import { startCpuTimer } from '../support/cpu-time.ts';
import { acceptorOf, closeEngine } from './accepts.ts';
import { compiled, refusalOf } from './compiled.ts';

afterAll(closeEngine);

const schemaOf = (text: string) => parseJson(text) as JsonSchema;

/** Which of the texts the grammar takes, and which the check finds nothing wrong with. */
async function verdictsOf(schema: string, texts: readonly string[]) {
  const output = compileOutput({ kind: 'json', schema: schemaOf(schema) });
  if (output === undefined || 'refusal' in output) return { accepted: [], valid: [] };
  return {
    accepted: texts.filter(await acceptorOf(output.gbnf)),
    valid: texts.filter((text) => output.problemOf(text) === undefined),
  };
}

describe('numbers beyond what a double tells apart', () => {
  const IDS = ['1181234567890123456', '1181234567890123457', '1181234567890123458', '1181234567890123500'];
  test.each([
    ['{"enum": [1181234567890123456, 1181234567890123457]}', IDS.slice(0, 2)],
    ['{"const": 1181234567890123457}', ['1181234567890123457']],
    ['{"type": "integer", "minimum": 1181234567890123457, "maximum": 1181234567890123458}', IDS.slice(1, 3)],
    ['{"type": "integer", "exclusiveMinimum": 1181234567890123457}', IDS.slice(2)],
    ['{"type": "number", "minimum": 4, "exclusiveMaximum": 1181234567890123458}', IDS.slice(0, 2)],
    ['{"enum": [1181234567890123456, 1181234567890123457], "minimum": 1181234567890123457}', ['1181234567890123457']],
    ['{"enum": [1181234567890123456, 1181234567890123457], "multipleOf": 2}', ['1181234567890123456']],
    [
      '{"enum": [1181234567890123456, 1181234567890123457], "not": {"const": 1181234567890123456}}',
      ['1181234567890123457'],
    ],
    ['{"enum": [[1181234567890123457], {"a": 1181234567890123457}], "type": "array"}', ['[1181234567890123457]']],
    [
      '{"allOf": [{"enum": [1181234567890123456, 1181234567890123457]}, {"enum": [1181234567890123457]}]}',
      ['1181234567890123457'],
    ],
    ['{"const": 3.14159265358979323846}', ['3.14159265358979323846']],
  ])('%s', async (schema, right) => {
    const texts = [
      ...IDS,
      '[1181234567890123456]',
      '[1181234567890123457]',
      '3.14159265358979323846',
      '3.141592653589793',
    ];
    const { accepted, valid } = await verdictsOf(schema, texts);
    expect(valid).toEqual(right);
    expect(accepted).toEqual(right);
  });

  test('a list without doubles of its items tells them apart', () => {
    const { problemOf } = compiled({ kind: 'json', schema: { type: 'array', uniqueItems: true } });
    expect(problemOf('[1181234567890123456, 1181234567890123457]')).toBeUndefined();
    expect(problemOf('[1181234567890123457, 1181234567890123457.0]')).toContain('must NOT have duplicate items');
  });

  test('a problem names the limit with all its digits', () => {
    const { problemOf } = compiled({ kind: 'json', schema: schemaOf('{"minimum": 1181234567890123457}') });
    expect(problemOf('1181234567890123456')).toBe(
      'The model gave JSON that the schema does not allow: the value must be >= 1181234567890123457',
    );
  });

  test('schemas that differ in the last digit have grammars of their own', () => {
    const [one, other] = ['{"const": 1181234567890123456}', '{"const": 1181234567890123457}'].map(
      (text) => compiled({ kind: 'json', schema: schemaOf(text) }).gbnf,
    );
    expect(one).not.toBe(other);
  });

  test.each([
    ['int8', '-128', '127'],
    ['uint8', '0', '255'],
    ['int16', '-32768', '32767'],
    ['uint16', '0', '65535'],
    ['int32', '-2147483648', '2147483647'],
    ['uint32', '0', '4294967295'],
    ['int64', '-9223372036854775808', '9223372036854775807'],
    ['uint64', '0', '18446744073709551615'],
  ])('format %s is from %s to %s', async (format, least, most) => {
    const around = [least, most].flatMap((bound) => [-1n, 0n, 1n].map((step) => String(BigInt(bound) + step)));
    const within = around.filter((text) => BigInt(text) >= BigInt(least) && BigInt(text) <= BigInt(most));
    const verdicts = await verdictsOf(JSON.stringify({ type: 'integer', format }), [...around, '1.5']);
    expect(verdicts).toEqual({ accepted: within, valid: within });
  });

  test('counts that are longer than a double are counts', () => {
    const schema = schemaOf(
      '{"maxItems": 9223372036854775807, "maxLength": 9223372036854775807, "maxProperties": 1e30}',
    );
    const { problemOf } = compiled({ kind: 'json', schema });
    expect(['"a"', '[1]', '{"a": 1}'].map(problemOf)).toEqual([undefined, undefined, undefined]);
  });

  test('what is too long to be followed is refused by name', () => {
    const digits = '1'.repeat(1_001);
    expect(refusalOf({ kind: 'json', schema: schemaOf(`{"minimum": ${digits}}`) })).toBe(
      'Schema keyword "minimum" at the root has a number of more than 1000 digits',
    );
    expect(refusalOf({ kind: 'json', schema: schemaOf(`{"items": {"enum": [{"a": ${digits}}]}}`) })).toBe(
      'Schema keyword "enum" at /items has a number of more than 1000 digits',
    );
    expect(refusalOf({ kind: 'json', schema: schemaOf('{"type": "number", "minimum": 1e61}') })).toBe(
      'The schema asks for numbers of more than 60 digits',
    );
    expect(refusalOf({ kind: 'json', schema: schemaOf(`{"type": "integer", "default": ${digits}}`) })).toBeUndefined();
    expect(refusalOf({ kind: 'json', schema: schemaOf(`{"const": ${digits.slice(1)}}`) })).toBeUndefined();
  });

  test('a number that jsonb cannot hold is no answer', () => {
    const { problemOf } = compiled({ kind: 'json', schema: { type: 'number' } });
    expect(['1e131071', '1e131072', '1e999999999'].map(problemOf)).toEqual([
      undefined,
      'The model gave JSON with a number that jsonb cannot hold',
      'The model gave JSON with a number that jsonb cannot hold',
    ]);
  });
});

/** An exact decimal: `digits / 10^scale`. */
interface Exact {
  readonly digits: bigint;
  readonly scale: number;
}

const decimals: fc.Arbitrary<Exact> = fc.oneof(
  fc.record({ digits: fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), scale: fc.nat(40) }),
  fc.record({ digits: fc.bigInt({ min: -(10n ** 19n), max: 10n ** 19n }), scale: fc.constant(0) }),
  fc.record({ digits: fc.bigInt({ min: -99n, max: 99n }), scale: fc.nat(3) }),
);

const scaled = ({ digits, scale }: Exact) => digits * 10n ** BigInt(60 - scale);
const compare = (one: Exact, other: Exact) => Number(scaled(one) > scaled(other)) - Number(scaled(one) < scaled(other));

/** Without exponent, and without zeros that say nothing, as the grammar has it. */
function plain({ digits, scale }: Exact): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  const fraction = text.slice(text.length - scale).replace(/0+$/, '');
  const whole = text.slice(0, text.length - scale);
  return `${digits < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** As somebody else might write it. */
function spelled({ digits, scale }: Exact): string {
  return `${digits}.0E${-scale}`;
}

const placesOf = (value: Exact) => plain(value).split('.')[1]?.length ?? 0;

const neighbours = ({ digits, scale }: Exact): Exact[] =>
  [-1n, 0n, 1n].map((step) => ({ digits: digits + step, scale }));

test('whatever the bounds: the grammar and the check take exactly the numbers between them', async () => {
  await fc.assert(
    fc.asyncProperty(decimals, decimals, fc.boolean(), fc.boolean(), async (a, b, isLowOut, isHighOut) => {
      const [low, high] = compare(a, b) <= 0 ? [a, b] : [b, a];
      const schema = `{"type": "number", "${isLowOut ? 'exclusiveMinimum' : 'minimum'}": ${spelled(low)},
        "${isHighOut ? 'exclusiveMaximum' : 'maximum'}": ${spelled(high)}}`;
      const middle = { digits: (scaled(low) + scaled(high)) / 2n, scale: 60 };
      const rounded = { digits: middle.digits / 10n ** 30n, scale: 30 };
      const candidates = [...neighbours(low), ...neighbours(high), rounded, { digits: 0n, scale: 0 }];
      // The grammar writes 20 digits after the point, and one more than a bound has.
      const mostPlaces = Math.max(20, placesOf(low) + 1, placesOf(high) + 1);
      const texts = [...new Set(candidates.filter((each) => placesOf(each) <= mostPlaces).map(plain))];
      const isWithin = (text: string) => {
        const value = candidates.find((candidate) => plain(candidate) === text) ?? low;
        const [above, below] = [compare(value, low), compare(high, value)];
        return (isLowOut ? above > 0 : above >= 0) && (isHighOut ? below > 0 : below >= 0);
      };
      const right = texts.filter(isWithin);
      expect(await verdictsOf(schema, texts)).toEqual({ accepted: right, valid: right });
    }),
    { numRuns: 60 },
  );
}, 120_000);

test('whatever the values: the grammar and the check take exactly those that are listed', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(decimals, { minLength: 1, maxLength: 4 }), fc.nat(3), async (values, at) => {
      const listed = new Set(values.map(plain));
      const texts = [...new Set(values.flatMap(neighbours).map(plain))];
      const right = texts.filter((text) => listed.has(text));
      // In the text of doubles, which may have an exponent, where a double says the same.
      const asWritten = (text: string) => (plainOfDouble(text) === undefined ? text : String(Number(text)));
      const schema = `{"enum": [${values.map((value) => spelled(value)).join()}]}`;
      const { accepted, valid } = await verdictsOf(
        schema,
        texts.flatMap((text) => [...new Set([text, asWritten(text)])]),
      );
      expect(new Set(accepted.map(Number))).toEqual(new Set(right.map(Number)));
      expect(accepted.length).toBe(right.length);
      expect(valid.filter((text) => texts.includes(text))).toEqual(right);
      const [constant] = values.slice(at % values.length);
      if (constant === undefined) return;
      const single = await verdictsOf(`{"const": ${spelled(constant)}}`, texts);
      expect(single.valid).toEqual([plain(constant)]);
    }),
    { numRuns: 40 },
  );
}, 120_000);

test('whatever the step: what is a multiple is in the grammar, and the check is exact', async () => {
  const steps = fc.record({ digits: fc.bigInt({ min: 1n, max: 10n ** 25n }), scale: fc.nat(25) });
  await fc.assert(
    fc.asyncProperty(
      steps,
      fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }),
      fc.nat(2),
      async (step, factor, off) => {
        const value = { digits: step.digits * factor + BigInt(off), scale: step.scale };
        const isMultiple = value.digits % step.digits === 0n;
        const bounds = `"minimum": ${plain({ digits: value.digits - 1n, scale: value.scale })}, "maximum": 1e50`;
        const { accepted, valid } = await verdictsOf(`{"multipleOf": ${spelled(step)}, ${bounds}}`, [plain(value)]);
        expect(valid).toEqual(isMultiple ? [plain(value)] : []);
        if (isMultiple) expect(accepted).toEqual(valid);
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);

/** The text of the double that says the same, if there is one. */
function plainOfDouble(text: string): string | undefined {
  return typeof parseJson(text) === 'number' ? String(Number(text)) : undefined;
}

test('steps whose least common multiple is too long are refused, briefly', () => {
  const allOf = Array.from({ length: 200 }, (_, index) => ({ multipleOf: parseJson(`${'7'.repeat(900)}${index}1`) }));
  const cpuMs = startCpuTimer();
  expect(refusalOf({ kind: 'json', schema: { type: 'integer', allOf } })).toBe(
    'The schema asks for multiples of a number of more than 2000 digits',
  );
  expect(cpuMs()).toBeLessThan(10_000);
});

test('long numbers are weighed in a time that their length alone decides, however many bounds there are', () => {
  const bounds = Array.from({ length: 20 }, (_, index) => ({ minimum: parseJson(`1${'7'.repeat(30)}${index}`) }));
  const schema = { type: 'array', items: { type: 'number', allOf: bounds } };
  const { problemOf } = compiled({ kind: 'json', schema });
  const numbers = Array.from({ length: 20 }, (_, index) => `${index + 1}${'8'.repeat(131_000)}`);
  const cpuMs = startCpuTimer();
  expect(problemOf(`[${numbers.join()}]`)).toBeUndefined();
  expect(cpuMs()).toBeLessThan(2_000);
});

test('no answer is taken for a number by the form in which numbers are held', () => {
  const { problemOf } = compiled({ kind: 'json', schema: { type: 'number' } });
  for (const held of ['"5"', '"abc"', '5', '"1e400"']) {
    expect(problemOf(`{"\\u0000number":${held}}`)).toBe('The model gave a text that is not JSON');
  }
});
