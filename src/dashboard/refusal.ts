import { isLamplighterError, messageOf } from '../core/errors.ts';
import { classifySqlState, sqlStateOf } from '../db/sqlstate.ts';
import type { ApiError } from './api.ts';

/** Codes of answers that are no error of the program's. */
export type RefusalCode =
  | 'NOT_AUTHENTICATED'
  | 'NOT_ALLOWED'
  | 'READ_ONLY'
  | 'FOREIGN_HOST'
  | 'FOREIGN_ORIGIN'
  | 'NOT_FOUND'
  | 'INVALID'
  | 'CONFLICT'
  | 'TOO_LARGE';

const STATUS: Readonly<Record<RefusalCode, number>> = {
  NOT_AUTHENTICATED: 401,
  NOT_ALLOWED: 403,
  READ_ONLY: 403,
  FOREIGN_HOST: 421,
  FOREIGN_ORIGIN: 403,
  NOT_FOUND: 404,
  INVALID: 400,
  CONFLICT: 409,
  TOO_LARGE: 413,
};

/** A request that is not answered, and why. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly code: RefusalCode;
  readonly hint: string | undefined;

  constructor(code: RefusalCode, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export interface ErrorAnswer {
  readonly status: number;
  readonly body: ApiError;
}

/** What is answered for anything that was thrown. What nobody foresaw is not told to who asks: it is for the log. */
export function toErrorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof Refusal) return answer(STATUS[error.code], error.code, error.message, error.hint);
  if (isLamplighterError(error)) {
    const status = { USAGE: 400, CONFIG_INVALID: 400, PERMISSION_DENIED: 403 }[error.code as string] ?? 503;
    return answer(status, error.code, error.message, error.hint);
  }
  const state = sqlStateOf(error);
  switch (classifySqlState(error)) {
    case 'permission':
      return answer(
        403,
        'PERMISSION_DENIED',
        messageOf(error),
        'The role that the dashboard is logged in as may not do that.',
      );
    case 'missing':
      return answer(
        503,
        'SCHEMA_MISSING',
        'The schema of Lamplighter is not installed in this database, or an older one is',
        'Run: lamplighter migrate',
      );
    case 'environment':
    case 'backpressure':
      return answer(503, 'CONNECTION_LOST', messageOf(error));
    case 'conflict':
      return answer(503, 'BUSY', 'Another transaction is in the way', 'Try again.');
    case 'other':
      break;
  }
  // Class 22: what was asked for cannot be.
  if (state?.startsWith('22') === true) return answer(400, 'INVALID', messageOf(error));
  if (state === '57014')
    return answer(503, 'TOO_SLOW', 'The database took longer than 10 s', 'Try again, or ask for less.');
  return answer(500, 'FAILED', 'The dashboard has failed; its log says why');
}

function answer(status: number, code: string, message: string, hint?: string): ErrorAnswer {
  return { status, body: { error: { code, message, ...(hint === undefined ? {} : { hint }) } } };
}
