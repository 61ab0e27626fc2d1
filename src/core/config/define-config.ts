import { z } from 'zod';
import type { Env } from '../env.ts';
import { LamplighterError } from '../errors.ts';
import { showValue } from '../show-value.ts';
import { didYouMean } from '../suggest.ts';
import type { OptionValue } from './option-values.ts';

/** One option of a program: where its value may come from, and what it is where none is given. */
export interface ConfigOption<T> {
  /** The flag without its leading dashes; `LAMPLIGHTER_` and this in capitals is its environment name. */
  readonly flag: string;
  /** The name that the original program documented, read after ours. */
  readonly legacyVariable?: string;
  /** The key of a setting kept in the database. */
  readonly setting?: string;
  readonly value: OptionValue<T>;
  /** Absent where the option may be. */
  readonly default?: T;
}

/** Options by their names in code, in the order in which `--help` and `doctor` show them. */
export type ConfigOptions = Readonly<Record<string, ConfigOption<unknown>>>;

type ValueOf<Option extends ConfigOption<unknown>> = Option['value'] extends OptionValue<infer T> ? T : never;
type WithDefault<Options extends ConfigOptions> = {
  [Name in keyof Options]: Options[Name] extends { readonly default: unknown } ? Name : never;
}[keyof Options];

/** What options add up to once defaults are filled in. */
export type ConfigOf<Options extends ConfigOptions> = {
  readonly [Name in keyof Pick<Options, WithDefault<Options>>]: ValueOf<Options[Name]>;
} & {
  readonly [Name in keyof Omit<Options, WithDefault<Options>>]?: ValueOf<Options[Name]> | undefined;
};

/** The same as it may be given in code. */
export type ConfigInput<Options extends ConfigOptions> = {
  readonly [Name in keyof Options]?: ValueOf<Options[Name]> | undefined;
};

/** Where each value came from, for people: `--concurrency`, `LAMPLIGHTER_CONCURRENCY`, `server setting steadytext...` or `default`. */
export type ConfigOrigins<Options extends ConfigOptions> = Readonly<Record<keyof Options, string>>;

/** A setting found in the database, with where it was found there. */
export interface DatabaseSetting {
  readonly value: string;
  readonly origin: string;
}

export interface ConfigSources {
  /** Texts from the command line, by camel-case flag name (`pollInterval`), as commander hands them over. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  readonly env?: Env;
  readonly database?: Readonly<Partial<Record<string, DatabaseSetting>>>;
}

/** What no option can say by itself. */
export interface ConfigRule<Options extends ConfigOptions> {
  /** The option to be named where the rule is broken. */
  readonly option: keyof Options & string;
  /** How the message goes on after "expected". */
  readonly expected: string;
  isKept(config: ConfigOf<Options>): boolean;
}

/** The configuration of one program. */
export interface ConfigDefinition<Options extends ConfigOptions> {
  readonly options: Options;
  /**
   * The frozen configuration and where each value came from: flag, then environment, then database setting, then default.
   *
   * @throws LamplighterError CONFIG_INVALID naming the flag or variable, as "expected X, got Y".
   */
  resolve(sources?: ConfigSources): {
    readonly config: ConfigOf<Options>;
    readonly origins: ConfigOrigins<Options>;
  };
  /**
   * Checks options given in code, fills in the defaults and freezes the result.
   *
   * @throws LamplighterError CONFIG_INVALID naming the option.
   */
  parse(input?: ConfigInput<Options>): ConfigOf<Options>;
}

/** Defines the configuration of a program from its options; `program` is its name in messages. */
export function defineConfig<const Options extends ConfigOptions>(
  program: string,
  options: Options,
  rules: readonly ConfigRule<NoInfer<Options>>[] = [],
): ConfigDefinition<Options> {
  const names = Object.keys(options);
  const schema = z.strictObject(
    Object.fromEntries(
      Object.entries(options).map(([name, { value, default: fallback }]) => [
        name,
        fallback === undefined ? value.schema.optional() : value.schema.default(fallback),
      ]),
    ),
  );

  function check(values: unknown, origins: Readonly<Record<string, string>>): ConfigOf<Options> {
    const given = (name: string) => (values as Record<string, unknown>)[name];
    const called = (name: string) => {
      const origin = origins[name];
      return origin === undefined || origin === 'default' ? name : origin;
    };
    const parsed = schema.safeParse(values);
    if (parsed.success) {
      const config = parsed.data as ConfigOf<Options>; // as the schema is made of the same options
      const broken = rules.find((rule) => !rule.isKept(config));
      if (broken !== undefined) throw invalid(called(broken.option), broken.expected, given(broken.option));
      Object.freeze(config);
      return config;
    }
    const [issue] = parsed.error.issues;
    if (issue?.code === 'unrecognized_keys') {
      const [key = ''] = issue.keys;
      const message = `Unknown ${program} option ${showValue(key)}${didYouMean(key, names)}`;
      throw new LamplighterError('CONFIG_INVALID', message);
    }
    const [name = 'options', at] = issue?.path ?? [];
    const value = given(String(name));
    if (typeof at === 'number' && Array.isArray(value)) {
      throw invalid(`${called(String(name))}[${at}]`, expectedIn(issue?.message ?? ''), value[at]);
    }
    throw invalid(called(String(name)), expectedIn(issue?.message ?? ''), value);
  }

  return {
    options,
    resolve(sources = {}) {
      const values: Record<string, unknown> = {};
      const origins: Record<string, string> = {};
      for (const [name, option] of Object.entries(options)) {
        const found = findText(option, sources);
        origins[name] = found?.origin ?? 'default';
        if (found === undefined) continue;
        const reading = option.value.read(found.text);
        if ('expected' in reading) throw invalid(found.origin, reading.expected, found.text);
        values[name] = reading.value;
      }
      return { config: check(values, origins), origins: origins as ConfigOrigins<Options> }; // one for each option
    },
    parse: (input = {}) => check(input, {}),
  };
}

/** The environment name of a flag: `poll-interval` is `LAMPLIGHTER_POLL_INTERVAL`. */
export function flagVariable(flag: string): string {
  return `LAMPLIGHTER_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/** The name of a flag as commander hands it over: `poll-interval` is `pollInterval`. */
export function flagKey(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function findText(
  option: ConfigOption<unknown>,
  { flags = {}, env = {}, database = {} }: ConfigSources,
): { text: string; origin: string } | undefined {
  const flag = flags[flagKey(option.flag)];
  if (flag !== undefined) return { text: String(flag), origin: `--${option.flag}` };
  for (const variable of [flagVariable(option.flag), option.legacyVariable]) {
    const text = variable === undefined ? undefined : env[variable];
    if (variable !== undefined && text !== undefined && text !== '') return { text, origin: variable };
  }
  const setting = option.setting === undefined ? undefined : database[option.setting];
  return setting === undefined ? undefined : { text: setting.value, origin: setting.origin };
}

/** Zod says "Too small: expected number to be >=1" and "Invalid input: expected boolean, received string". */
function expectedIn(message: string): string {
  return /expected (.*?)(?:, received .*)?$/.exec(message)?.[1] ?? 'another value';
}

function invalid(origin: string, expected: string, got: unknown): LamplighterError {
  return new LamplighterError('CONFIG_INVALID', `${origin}: expected ${expected}, got ${showValue(got ?? null)}`);
}
