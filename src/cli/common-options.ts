import type { Reading } from '../core/config/option-values.ts';
import { LOG_LEVELS, type LogLevel } from '../core/log.ts';
import { didYouMean } from '../core/suggest.ts';
import type { CliOption } from './cli-option.ts';

/** Every command has this option. */
export const LOG_LEVEL_OPTION: CliOption = {
  flag: 'log-level',
  argument: 'level',
  describes: `how much to log to standard error: ${LOG_LEVELS.join(', ')}; debug adds stacks of errors`,
};

export const YES_OPTION: CliOption = { flag: 'yes', short: 'y', describes: 'do not ask' };

export const JSON_OPTION: CliOption = { flag: 'json', describes: 'print JSON, for programs' };

export function readLogLevel(text: string): Reading<LogLevel> {
  const value = LOG_LEVELS.find((level) => level === text);
  return value === undefined
    ? { expected: `one of ${LOG_LEVELS.join(', ')}${didYouMean(text, LOG_LEVELS)}` }
    : { value };
}
