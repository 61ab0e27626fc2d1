import { type ErrorCode, isLamplighterError, LamplighterError, messageOf } from '../core/errors.ts';
import { classifySqlState, isSqlState, type SqlStateClass, sqlStateOf } from '../db/sqlstate.ts';

const PASSING: readonly SqlStateClass[] = ['environment', 'backpressure'];

/**
 * The error with a code of ours, where there is one: REQUEST_INVALID for arguments that the server refuses, QUEUE_FULL, SCHEMA_MISSING,
 * PERMISSION_DENIED. Any other is returned as it is, the server's with its SQLSTATE in `code`.
 */
export function toClientError(error: unknown): unknown {
  const fail = (code: ErrorCode, hint?: string) => new LamplighterError(code, messageOf(error), { cause: error, hint });
  if (isSqlState(error, 'configurationLimitExceeded')) return fail('QUEUE_FULL', serverHintOf(error));
  // Class 22, data exception: a blank prompt, but also a number that is no integer and a text with a NUL.
  if (sqlStateOf(error)?.startsWith('22') === true) return fail('REQUEST_INVALID', serverHintOf(error));
  if (isSqlState(error, 'insufficientPrivilege')) {
    return fail('PERMISSION_DENIED', 'The owner of the schema can run: lamplighter migrate --grant ROLE.');
  }
  if (classifySqlState(error) === 'missing') {
    return fail('SCHEMA_MISSING', 'Run: lamplighter migrate. Or connect to the database where that was done.');
  }
  return error;
}

/** False for what the same statement will meet again: a missing right or schema, a refused login. Other trouble may pass. */
export function isPassing(error: unknown): boolean {
  return !isLamplighterError(toClientError(error)) || PASSING.includes(classifySqlState(error));
}

function serverHintOf(error: unknown): string | undefined {
  return error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
}
