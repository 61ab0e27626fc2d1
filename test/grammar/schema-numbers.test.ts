import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { compileOutput } from '../../src/models/grammar/compile-output.ts';
import type { JsonSchema } from '../../src/models/json-value.ts';
import { acceptorOf, closeEngine } from './accepts.ts';

afterAll(closeEngine);

/** Which of the numbers the grammar takes. */
async function accepted(schema: JsonSchema, numbers: readonly number[]): Promise<readonly number[]> {
  const output = compileOutput({ kind: 'json', schema });
  if (output === undefined || 'refusal' in output) return [];
  const isAccepted = await acceptorOf(output.gbnf);
  return numbers.filter((value) => isAccepted(JSON.stringify(value)));
}

const around = (...borders: readonly number[]) =>
  borders.flatMap((border) => [-2, -1, 0, 1, 2].map((step) => border + step));

test('bounds of integers are exact, digit by digit', async () => {
  const bound = fc.oneof(fc.integer({ min: -120, max: 120 }), fc.integer({ min: -1e12, max: 1e12 }));
  await fc.assert(
    fc.asyncProperty(
      bound,
      bound,
      fc.array(fc.integer({ min: -2e12, max: 2e12 }), { maxLength: 10 }),
      async (a, b, others) => {
        const [minimum, maximum] = [Math.min(a, b), Math.max(a, b)];
        const small = Array.from({ length: 251 }, (_, index) => index - 125);
        const powers = [1, 10, 100, 1e3, 1e6, 1e9, 1e12].flatMap((power) => around(power, -power));
        const numbers = [...new Set([...small, ...powers, ...around(minimum, maximum), ...others])];
        const isWithin = (value: number) => value >= minimum && value <= maximum;
        expect(await accepted({ type: 'integer', minimum, maximum }, numbers)).toEqual(numbers.filter(isWithin));
        expect(await accepted({ type: 'integer', minimum }, numbers)).toEqual(
          numbers.filter((value) => value >= minimum),
        );
        expect(await accepted({ type: 'integer', maximum }, numbers)).toEqual(
          numbers.filter((value) => value <= maximum),
        );
      },
    ),
    { numRuns: 30 },
  );
}, 60_000);

test('bounds of decimal numbers are exact, digit by digit', async () => {
  const places = fc.integer({ min: 0, max: 3 });
  const bound = fc.tuple(fc.integer({ min: -3000, max: 3000 }), places).map(([digits, scale]) => digits / 10 ** scale);
  await fc.assert(
    fc.asyncProperty(bound, bound, fc.boolean(), fc.boolean(), async (a, b, isLowOut, isHighOut) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const steps = [0, 1e-4, -1e-4, 1e-3, -1e-3, 0.01, -0.01, 0.1, -0.1, 1, -1, 10, -10];
      const near = [low, high, 0, Math.trunc(low), Math.trunc(high), (low + high) / 2].flatMap((value) =>
        steps.map((step) => Number((value + step).toFixed(4)) + 0),
      );
      const numbers = [...new Set(near)].filter((value) => !String(value).includes('e'));
      const schema = {
        type: 'number',
        [isLowOut ? 'exclusiveMinimum' : 'minimum']: low,
        [isHighOut ? 'exclusiveMaximum' : 'maximum']: high,
      };
      const isWithin = (value: number) =>
        (isLowOut ? value > low : value >= low) && (isHighOut ? value < high : value <= high);
      expect(await accepted(schema, numbers)).toEqual(numbers.filter(isWithin));
    }),
    { numRuns: 80 },
  );
}, 60_000);
