import type { Decimal } from '../../../json/decimal.ts';
import { decimalOf, EXACT_NUMBER, GREATEST_HELD, isExactNumber } from '../../../json/json-number.ts';
import type { JsonValue } from '../../../json-value.ts';

/**
 * Doubles in place of the exact numbers of one document and of what is checked against it, so that a validator that knows only
 * doubles tells them apart: equal numbers have one, whole ones a whole one, and nothing else is held as one of these. How they compare
 * with others is not kept.
 */
export interface StandIns {
  /** The value with its exact numbers replaced, for good. */
  replaceIn(value: JsonValue): JsonValue;
  /** The same for as long as `check` takes. */
  during<Result>(value: JsonValue, check: (replaced: JsonValue) => Result): Result;
  /** What a double stands for; undefined for one that stands for itself. */
  exactly(value: number): Decimal | undefined;
}

export function createStandIns(): StandIns {
  const doubles = new Map<string, number>();
  const exact = new Map<number, Decimal>();
  /** The texts that have a double, the latest last. */
  const texts: string[] = [];

  const standInFor = (text: string): number => {
    const known = doubles.get(text);
    if (known !== undefined) return known;
    const value = decimalOf({ [EXACT_NUMBER]: text });
    const count = texts.push(text);
    // The doubles that follow the greatest one that is held, and those that follow zero.
    const double = value.scale <= 0 ? GREATEST_HELD * (1 + count * Number.EPSILON) : count * Number.MIN_VALUE;
    doubles.set(text, double);
    exact.set(double, value);
    return double;
  };

  const replaceIn = (value: JsonValue): JsonValue => {
    if (typeof value !== 'object' || value === null) return value;
    if (isExactNumber(value)) return standInFor(value[EXACT_NUMBER]);
    if (Array.isArray(value)) return value.map(replaceIn);
    return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, replaceIn(child)]));
  };

  return {
    replaceIn,
    exactly: (value) => exact.get(value),
    during(value, check) {
      const before = texts.length;
      try {
        return check(replaceIn(value));
      } finally {
        for (const text of texts.splice(before)) {
          exact.delete(doubles.get(text) ?? 0);
          doubles.delete(text);
        }
      }
    },
  };
}
