import { type ErrorCode, isLamplighterError } from '../core/errors.ts';
import type { SharedTrouble } from '../core/recurring-trouble.ts';
import { classifySqlState } from './sqlstate.ts';

/** Reasons for which nobody gets a session. */
const NO_SESSION: readonly ErrorCode[] = ['AUTHENTICATION_FAILED', 'DATABASE_NOT_FOUND', 'TLS_FAILED'];

/**
 * The database cannot be used: it is away, refuses sessions or writes, or has no room. All parts of a program meet that at the same time,
 * and nothing is to be done about any one of them.
 */
export const DATABASE_TROUBLE: SharedTrouble = {
  what: 'use the database',
  advice: 'what waits is kept and goes on by itself',
  includes(error) {
    const kind = classifySqlState(error);
    return (
      kind === 'environment' ||
      kind === 'backpressure' ||
      (isLamplighterError(error) && NO_SESSION.includes(error.code))
    );
  },
};
