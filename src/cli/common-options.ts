import type { Reading } from '../core/config/option-values.ts';
import { LOG_LEVELS, type LogLevel } from '../core/log.ts';
import { didYouMean } from '../core/suggest.ts';
import { type CliOption, type OptionInput, readOption } from './cli-option.ts';

/** Every command has this option. */
export const LOG_LEVEL_OPTION: CliOption = {
  flag: 'log-level',
  argument: 'level',
  describes: `how much to log to standard error: ${LOG_LEVELS.join(', ')}; debug adds stacks of errors`,
};

export const YES_OPTION: CliOption = { flag: 'yes', short: 'y', describes: 'do not ask' };

export const JSON_OPTION: CliOption = { flag: 'json', describes: 'print JSON, for programs' };

const DEFAULT_LIMIT = 50;

/** Every command that lists what was done has this option. */
export const LIMIT_OPTION: CliOption = {
  flag: 'limit',
  argument: 'n',
  describes: 'show at most this many, the latest first',
  defaultText: String(DEFAULT_LIMIT),
};

/** How many rows to show. @throws LamplighterError USAGE for what is no whole number from 1 to `most`. */
export function limitOf(input: OptionInput, most: number): number {
  const read = (text: string): Reading<number> => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= 1 && value <= most ? { value } : { expected: `a whole number from 1 to ${most}` };
  };
  return readOption(input, LIMIT_OPTION, read) ?? DEFAULT_LIMIT;
}

export function readLogLevel(text: string): Reading<LogLevel> {
  const value = LOG_LEVELS.find((level) => level === text);
  return value === undefined
    ? { expected: `one of ${LOG_LEVELS.join(', ')}${didYouMean(text, LOG_LEVELS)}` }
    : { value };
}
