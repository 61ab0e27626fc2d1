import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { Outcome } from './read-outcomes.ts';

export function failedError({ request_id, error }: Outcome): LamplighterError {
  return new LamplighterError('REQUEST_FAILED', `Request ${request_id} failed: ${error ?? 'no error was recorded'}`, {
    hint: 'Fix the cause, then retry it.',
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
    hint: 'A request is visible once its transaction has committed: commit first, then wait. A role sees only its own requests.',
  });
}

export interface TimeoutReason {
  /** A sentence; absent when nothing is known to stand in the way. */
  readonly advice?: string | undefined;
  /** Why the database could not be asked. */
  readonly cause?: unknown;
}

export function timeoutError(requestId: string, timeoutMs: number, { advice, cause }: TimeoutReason): LamplighterError {
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

export function closedError(): LamplighterError {
  return new LamplighterError('ABORTED', 'The client was closed');
}
