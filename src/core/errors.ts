/** Every reason for which Lamplighter throws on purpose. `docs/reference/errors.md` has one row per code; a test compares the two. */
export const ERROR_CODES = [
  'ABORTED',
  'AUTHENTICATION_FAILED',
  'CONFIG_INVALID',
  'CONNECTION_LOST',
  'CONNECTION_REFUSED',
  'DATABASE_NOT_FOUND',
  'DOWNLOAD_FAILED',
  'EMBEDDED_FAILED',
  'EMBEDDED_IN_USE',
  'EMBEDDED_MISSING',
  'JOB_CHANGED',
  'JOB_INVALID',
  'LEASE_LOST',
  'LOOPBACK_UNAVAILABLE',
  'MODEL_CHANGED',
  'MODEL_FAILED',
  'MODEL_NOT_FOUND',
  'NAME_TAKEN',
  'PAGE_MISSING',
  'PERMISSION_DENIED',
  'PORT_TAKEN',
  'QUEUE_FULL',
  'REQUEST_CANCELLED',
  'REQUEST_FAILED',
  'REQUEST_INVALID',
  'REQUEST_NOT_FOUND',
  'REQUEST_TIMEOUT',
  'SCHEMA_MISSING',
  'SCHEMA_TOO_NEW',
  'SCHEMA_TOO_OLD',
  'SERVER_UNSUPPORTED',
  'TASK_CANCELED',
  'TASK_FAILED',
  'TASK_NOT_FOUND',
  'TASK_TIMEOUT',
  'TLS_FAILED',
  'TOO_MANY_CONNECTIONS',
  'USAGE',
  'WORKER_FAILED',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface LamplighterErrorOptions {
  readonly cause?: unknown;
  /** What the reader can do about it, as a sentence of its own. */
  readonly hint?: string | undefined;
}

/** What Lamplighter throws on purpose: `code` is one of {@link ERROR_CODES}, to branch on; the message never holds a secret. */
export class LamplighterError extends Error {
  override readonly name = 'LamplighterError';
  readonly code: ErrorCode;
  /** What the reader can do about it, as a sentence of its own. */
  readonly hint?: string;

  constructor(code: ErrorCode, message: string, options: LamplighterErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    if (options.hint !== undefined) this.hint = options.hint;
  }
}

/** True for errors from any copy of this package: `instanceof` is false across duplicated installs. */
export function isLamplighterError(error: unknown): error is LamplighterError {
  return error instanceof Error && error.name === 'LamplighterError' && 'code' in error;
}

/** True when `error` is a {@link LamplighterError} with that code. */
export function hasCode(error: unknown, code: ErrorCode): error is LamplighterError {
  return isLamplighterError(error) && error.code === code;
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
