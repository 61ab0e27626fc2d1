import { Refusal } from '../refusal.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** How many rows a page is asked to have. */
export function limitOf(query: Readonly<Record<string, string>>): number {
  const text = query['limit'] ?? String(DEFAULT_LIMIT);
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw new Refusal('INVALID', `limit: expected a number from 1 to ${MAX_LIMIT}`);
  return limit;
}

/** The cursor of a page whose order goes by a number. */
export function numericCursorOf(query: Readonly<Record<string, string>>): string | undefined {
  const text = query['cursor'];
  if (text === undefined || text === '') return undefined;
  if (!/^-?\d{1,18}$/.test(text)) throw new Refusal('INVALID', 'cursor: expected "next" of the page before');
  return text;
}

/** A path parameter that has to be a number. */
export function numberOf(params: Readonly<Record<string, string>>, name: string): string {
  const text = params[name] ?? '';
  if (!/^\d{1,18}$/.test(text)) throw new Refusal('NOT_FOUND', `There is no such ${name}`);
  return text;
}

/** The filter among query parameters. */
export function filterValues({ cursor, limit, ...values }: Readonly<Record<string, string>>): Record<string, string> {
  return values;
}
