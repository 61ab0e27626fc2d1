import { formatDuration } from '../core/duration.ts';
import type { CliOption } from './cli-option.ts';
import { renderBytes } from './render-units.ts';

/** An option as it holds, and where its value comes from. */
export interface EffectiveOption {
  readonly name: string;
  readonly value: string;
  /** A flag, a variable, a setting of the database, or `default`. */
  readonly origin: string;
}

interface ResolvedOptions {
  readonly options: Readonly<Record<string, { readonly flag: string }>>;
  readonly config: Readonly<Record<string, unknown>>;
  readonly origins: Readonly<Record<string, string>>;
  /** The options whose wording stands in for an absent value. */
  readonly wordings: readonly CliOption[];
}

/** All options of a program, in the order in which it defines them. */
export function listEffectiveOptions({ options, config, origins, wordings }: ResolvedOptions): EffectiveOption[] {
  return Object.entries(options).map(([option, { flag }]) => ({
    name: flag,
    value: renderValue(option, config[option]) ?? wordings.find((each) => each.flag === flag)?.defaultText ?? '-',
    origin: origins[option] ?? 'default',
  }));
}

/** The options in one line: first those that somebody has set, with their origin. */
export function describeOptions(options: readonly EffectiveOption[]): string {
  const set = options.filter(({ origin }) => origin !== 'default');
  const rest = options.filter(({ origin }) => origin === 'default');
  return [
    ...(set.length === 0 ? [] : [set.map(({ name, value, origin }) => `${name} ${value} (${origin})`).join(', ')]),
    ...(rest.length === 0 ? [] : [`by default ${rest.map(({ name, value }) => `${name} ${value}`).join(', ')}`]),
  ].join('; ');
}

function renderValue(option: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(',');
  if (typeof value !== 'number') return String(value);
  if (option.endsWith('Ms')) return formatDuration(value);
  return option.endsWith('Bytes') ? renderBytes(value) : String(value);
}
