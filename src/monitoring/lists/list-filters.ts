import { LamplighterError } from '../../core/errors.ts';
import { showValue } from '../../core/show-value.ts';
import { didYouMean } from '../../core/suggest.ts';
import type { RequestFilter, TaskFilter } from '../shapes.ts';

type Parse = (text: string) => string | undefined;
interface Field {
  readonly parse: Parse;
  readonly expected: string;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LONGEST = 1_000;

const parseNumber: Parse = (text) => (/^\d{1,19}$/.test(text) && BigInt(text) < 2n ** 63n ? text : undefined);
const uuid: Field = { parse: (text) => (UUID.test(text) ? text.toLowerCase() : undefined), expected: 'a UUID' };
const number: Field = { parse: parseNumber, expected: 'a number' };
const text: Field = {
  // No text of PostgreSQL has a NUL.
  parse: (value) => (value.length <= LONGEST && !value.includes('\0') ? value : undefined),
  expected: `at most ${LONGEST} characters`,
};
const time: Field = {
  parse: (value) => (Number.isNaN(Date.parse(value)) ? undefined : new Date(value).toISOString()),
  expected: 'a time such as 2026-01-31T12:00:00Z',
};

const REQUEST_FIELDS: Readonly<Record<keyof RequestFilter, Field>> = {
  id: { parse: (value) => parseNumber(value) ?? uuid.parse(value), expected: 'a UUID or a number' },
  status: text,
  function: text,
  model: text,
  role: text,
  batch: uuid,
  worker: uuid,
  since: time,
  until: time,
  error: text,
};
const TASK_FIELDS: Readonly<Record<keyof TaskFilter, Field>> = {
  id: number,
  state: text,
  name: text,
  role: text,
  since: time,
  until: time,
  error: text,
};

/**
 * The filter that these values name; empty ones do not count.
 *
 * @throws LamplighterError USAGE for what no filter has, or a value that it cannot have.
 */
export const parseRequestFilter = (values: Readonly<Record<string, unknown>>): RequestFilter =>
  parse(REQUEST_FIELDS, values);

/** The same for tasks. */
export const parseTaskFilter = (values: Readonly<Record<string, unknown>>): TaskFilter => parse(TASK_FIELDS, values);

function parse<Name extends string>(
  fields: Readonly<Record<Name, Field>>,
  values: Readonly<Record<string, unknown>>,
): Partial<Record<Name, string>> {
  const filter: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined || value === '') continue;
    if (!Object.hasOwn(fields, name)) {
      throw new LamplighterError('USAGE', `"${name}" is no filter${didYouMean(name, Object.keys(fields))}`);
    }
    const field = fields[name as Name]; // it has that one
    const parsed = typeof value === 'string' ? field.parse(value) : undefined;
    if (parsed === undefined) {
      throw new LamplighterError('USAGE', `${name}: expected ${field.expected}, got ${showValue(value)}`);
    }
    filter[name] = parsed;
  }
  return filter as Partial<Record<Name, string>>; // of these names only
}
