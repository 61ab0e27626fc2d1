import { z } from 'zod';
import { DURATION_FORM, formatDuration, parseDuration } from '../duration.ts';
import { didYouMean } from '../suggest.ts';

/** What a value read from a text turned out to be. */
export type Reading<T> = { readonly value: T } | { readonly expected: string };

/** The values of an option: how they are read from a text, and which may be given in code. */
export interface OptionValue<T> {
  readonly schema: z.ZodType<T>;
  readonly read: (text: string) => Reading<T>;
  /** The least and the greatest, where they are numbers. */
  readonly bounds?: readonly [min: number, max: number];
}

/** Whole numbers within bounds. */
export function count(min: number, max: number): OptionValue<number> {
  return {
    bounds: [min, max],
    schema: z.int().min(min).max(max),
    read(text) {
      const value = /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? { value } : { expected: `a whole number from ${min} to ${max}` };
    },
  };
}

/** Durations within bounds, in milliseconds in code. */
export function duration(minMs: number, maxMs: number): OptionValue<number> {
  return {
    bounds: [minMs, maxMs],
    schema: z.int().min(minMs).max(maxMs),
    read(text) {
      const value = parseDuration(text);
      if (value === undefined) return { expected: DURATION_FORM };
      const range = `${DURATION_FORM}, from ${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
      return value >= minMs && value <= maxMs ? { value } : { expected: range };
    },
  };
}

/** Any text but an empty one, without blanks around it; `expected` says what it should be. */
export function name(expected: string): OptionValue<string> {
  return {
    schema: z.string().min(1),
    read(text) {
      const value = text.trim();
      return value === '' ? { expected } : { value };
    },
  };
}

/** A value that is on or off. */
export const YES_OR_NO: OptionValue<boolean> = {
  schema: z.boolean(),
  read(text) {
    if (/^(true|yes|on|1)$/i.test(text)) return { value: true };
    if (/^(false|no|off|0)$/i.test(text)) return { value: false };
    return { expected: 'true or false' };
  },
};

/** Some of the words, each once, at least one. */
export function listOf<Word extends string>(words: readonly [Word, ...Word[]]): OptionValue<readonly Word[]> {
  return {
    schema: z.array(z.enum(words)).min(1).readonly(),
    read(text) {
      const value: Word[] = [];
      for (const part of text.split(',').map((each) => each.trim())) {
        const known = words.find((word) => word === part);
        if (known === undefined) {
          return { expected: `a comma-separated list out of ${words.join(', ')}${didYouMean(part, words)}` };
        }
        if (!value.includes(known)) value.push(known);
      }
      return { value };
    },
  };
}
