import { Buffer } from 'node:buffer';

/**
 * What each text has of the tokens of all, by its bytes: whole numbers that come to the sum.
 *
 * @returns undefined where the sum is.
 */
export function shareTokens(sum: number | undefined, texts: readonly string[]): readonly number[] | undefined {
  if (sum === undefined) return undefined;
  // Never nothing to share by.
  const sizes = texts.map((text) => Buffer.byteLength(text) + 1);
  const whole = sizes.reduce((all, size) => all + size, 0);
  let [seen, given] = [0, 0];
  return sizes.map((size) => {
    seen += size;
    const share = Math.round((sum * seen) / whole) - given;
    given += share;
    return share;
  });
}

/** A count as a server gives it; undefined for anything else. */
export function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** A member of a JSON object; undefined where there is none. */
export function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key]; // an object of unknown members
}
