import { LamplighterError } from '../../core/errors.ts';

/** The error for a job that cannot be served as it is; its message is for `init_failure_reason`. */
export function invalidJob(message: string, hint?: string, cause?: unknown): LamplighterError {
  return new LamplighterError('JOB_INVALID', message, { hint, ...(cause === undefined ? {} : { cause }) });
}
