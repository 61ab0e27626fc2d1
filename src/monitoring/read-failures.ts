import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const LIST_RECENT_FAILURES = loadQuery('list_recent_failures');
/** Requests that are looked at, the newest first. */
const LOOKED_AT = 5_000;
const MOST_CAUSES = 10;

/** Failures that say the same but for numbers and names in quotes. */
export interface FailureCause {
  readonly cause: string;
  readonly count: number;
  /** A part of the text that all of them have. */
  readonly common: string;
}

/** Why requests failed in the last hour, most frequent first: of the newest 5,000, and of 500 failures among them at most. */
export async function readFailures(db: Queryable): Promise<readonly FailureCause[]> {
  const { rows } = await db.query<{ errors: string }>(LIST_RECENT_FAILURES, [LOOKED_AT]);
  const errors = JSON.parse(rows[0]?.errors ?? '[]') as (string | null)[]; // the statement makes this JSON
  const counts = new Map<string, number>();
  for (const error of errors) {
    const cause = causeOf(error ?? 'no reason was given');
    counts.set(cause, (counts.get(cause) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST_CAUSES)
    .map(([cause, count]) => ({ cause, count, common: longestPart(cause) }));
}

/** The first line, without what differs from one request to another. */
function causeOf(error: string): string {
  const [line = ''] = error.split('\n');
  return line
    .slice(0, 120)
    .replaceAll(/"[^"]*"?/g, '..')
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+(\.\d+)?/gi, '..')
    .trim();
}

function longestPart(cause: string): string {
  return cause
    .split('..')
    .map((part) => part.trim())
    .reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}
