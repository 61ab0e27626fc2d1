import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { TaskStatus } from './task-status.ts';

export function taskFailedError({ jobid, errorMessage = '' }: TaskStatus): LamplighterError {
  return new LamplighterError('TASK_FAILED', `Task ${jobid} failed: ${errorMessage.trimEnd()}`);
}

export function taskCanceledError({ jobid, errorMessage = '' }: TaskStatus): LamplighterError {
  return new LamplighterError('TASK_CANCELED', `Task ${jobid} was canceled: ${errorMessage.trimEnd()}`);
}

export function taskDeletedError(jobid: number): LamplighterError {
  return new LamplighterError('TASK_NOT_FOUND', `Task ${jobid} was deleted while it was waited for`);
}

export function taskUnseenError(jobid: number, waitedMs: number): LamplighterError {
  return new LamplighterError('TASK_NOT_FOUND', `Task ${jobid} was not found within ${inSeconds(waitedMs)}`, {
    hint: 'A task is visible once its transaction has committed: commit first, then wait. A role sees only its own tasks.',
  });
}

export function taskTimeoutError(jobid: number, timeoutMs: number, cause: unknown): LamplighterError {
  return new LamplighterError('TASK_TIMEOUT', `Timeout waiting for task ${jobid} (${inSeconds(timeoutMs)})`, {
    hint:
      cause === undefined
        ? 'The task goes on: wait again, or cancel it. lantern.task_status says why one does not start.'
        : `The database could not be asked: ${messageOf(cause)}`,
    cause,
  });
}

export function taskAbortedError(jobid: number, cause: unknown): LamplighterError {
  return new LamplighterError('ABORTED', `Gave up waiting for task ${jobid}`, { cause });
}

function inSeconds(ms: number): string {
  return `${Math.round(ms) / 1_000} s`;
}
