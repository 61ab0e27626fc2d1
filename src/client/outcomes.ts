import { LamplighterError, messageOf } from '../core/errors.ts';
import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';

const READ_OUTCOMES = loadQuery('read_outcomes');
const EXPLAIN_WAITS = loadQuery('explain_waits');

/** How a request stands, as its row has it. */
export interface Outcome {
  readonly request_id: string;
  readonly function_name: string;
  readonly status: string;
  readonly result: string | null;
  readonly error: string | null;
}

/** How these requests stand, by id; ids that the role does not see are missing. */
export async function readOutcomes(db: Queryable, requestIds: readonly string[]): Promise<Map<string, Outcome>> {
  const { rows } = await db.query<Outcome>(READ_OUTCOMES, [requestIds]);
  return new Map(rows.map((row) => [row.request_id, row]));
}

/** What stands in the way of these requests, by id, as a sentence of advice; missing where nothing is known to. */
export async function explainWaits(db: Queryable, requestIds: readonly string[]): Promise<Map<string, string>> {
  const { rows } = await db.query<{ request_ids: string; reason: string | null }>(EXPLAIN_WAITS, [requestIds]);
  return new Map(
    rows.flatMap(({ request_ids, reason }) =>
      // The query makes it an array of ids.
      reason === null ? [] : (JSON.parse(request_ids) as string[]).map((id) => [id, reason] as const),
    ),
  );
}

export function failedError({ request_id, error }: Outcome): LamplighterError {
  return new LamplighterError('REQUEST_FAILED', `Request ${request_id} failed: ${error ?? 'no error was recorded'}`, {
    hint: 'Mend the cause, then retry it.',
  });
}

export function cancelledError(requestId: string): LamplighterError {
  return new LamplighterError('REQUEST_CANCELLED', `Request ${requestId} was cancelled`);
}

export function deletedError(requestId: string): LamplighterError {
  return new LamplighterError('REQUEST_NOT_FOUND', `Request ${requestId} was deleted while it was waited for`);
}

export function unseenError(requestId: string, waitedMs: number): LamplighterError {
  return new LamplighterError('REQUEST_NOT_FOUND', `Request ${requestId} was not found within ${inSeconds(waitedMs)}`, {
    hint: 'A request that was queued in a transaction is not visible before that commits: commit first, then wait. A role sees only its own requests.',
  });
}

/** @param advice - a sentence; absent when nothing is known to stand in the way. */
export function timeoutError(
  requestId: string,
  timeoutMs: number,
  { advice, cause }: { readonly advice?: string | undefined; readonly cause?: unknown } = {},
): LamplighterError {
  const hint =
    cause === undefined
      ? (advice ?? 'The request goes on: wait again, or cancel it.')
      : `The database could not be asked: ${messageOf(cause)}`;
  const message = `Timeout waiting for the result of request ${requestId} (${inSeconds(timeoutMs)})`;
  return new LamplighterError('REQUEST_TIMEOUT', message, { hint, cause });
}

export function abortedError(requestId: string, cause: unknown): LamplighterError {
  return new LamplighterError('ABORTED', `Gave up waiting for the result of request ${requestId}`, { cause });
}

function inSeconds(ms: number): string {
  return `${Math.round(ms) / 1_000} s`;
}
