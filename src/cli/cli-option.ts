import { flagKey, flagVariable } from '../core/config/define-config.ts';
import type { Reading } from '../core/config/option-values.ts';
import type { Env } from '../core/env.ts';
import { LamplighterError } from '../core/errors.ts';
import { showValue } from '../core/show-value.ts';

/** One flag of a command; `LAMPLIGHTER_` and its name in capitals is its environment name. */
export interface CliOption {
  /** The flag without its leading dashes. */
  readonly flag: string;
  readonly short?: string;
  /** What its value is called in help; absent for a switch. */
  readonly argument?: string;
  /** May be given several times; the environment variable then holds a comma-separated list. */
  readonly isRepeatable?: boolean;
  /** Narrows what a command is about: given twice it is refused, as with other flags the last one would hold. */
  readonly isFilter?: boolean;
  readonly describes: string;
  /** The default as help and reference show it; absent where there is none. */
  readonly defaultText?: string;
}

/** Values from the command line by camel-case flag name, as the parser hands them over. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface OptionInput {
  readonly flags: Flags;
  readonly env: Env;
}

/** The text of an option: the flag, else the variable. */
export function textOf(input: OptionInput, option: CliOption): string | undefined {
  const flag = input.flags[flagKey(option.flag)];
  return typeof flag === 'string' ? flag : input.env[flagVariable(option.flag)];
}

/** Whether a switch is on. */
export function isOn(input: OptionInput, option: CliOption): boolean {
  if (input.flags[flagKey(option.flag)] === true) return true;
  const variable = flagVariable(option.flag);
  const text = input.env[variable];
  if (text === undefined || /^(false|no|off|0)$/i.test(text)) return false;
  if (/^(true|yes|on|1)$/i.test(text)) return true;
  throw invalidValue(variable, 'true or false', text);
}

/** All values of a repeatable option: the flags, else the parts of the variable. */
export function listOf(input: OptionInput, option: CliOption): readonly string[] {
  const flags = input.flags[flagKey(option.flag)];
  if (Array.isArray(flags)) return flags;
  const text = input.env[flagVariable(option.flag)] ?? '';
  const parts = text.split(',').map((part) => part.trim());
  return parts.filter((part) => part !== '');
}

/** The value of an option, read and checked; undefined when it is not given. */
export function readOption<T>(
  input: OptionInput,
  option: CliOption,
  read: (text: string) => Reading<T>,
): T | undefined {
  const text = textOf(input, option);
  if (text === undefined) return undefined;
  const reading = read(text);
  if ('value' in reading) return reading.value;
  const isFlag = input.flags[flagKey(option.flag)] !== undefined;
  throw invalidValue(isFlag ? `--${option.flag}` : flagVariable(option.flag), reading.expected, text);
}

/** Whether the option is on the command line itself. */
export function isGivenAsFlag(input: OptionInput, option: CliOption): boolean {
  return input.flags[flagKey(option.flag)] !== undefined;
}

function invalidValue(origin: string, expected: string, got: string): LamplighterError {
  return new LamplighterError('USAGE', `${origin}: expected ${expected}, got ${showValue(got)}`);
}
