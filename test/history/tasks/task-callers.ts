import { isLamplighterError } from '../../../src/core/errors.ts';
import { classifySqlState, sqlStateOf } from '../../../src/db/sqlstate.ts';
import type { Told } from '../callers.ts';
import { type TaskTextName, taskText } from './task-texts.ts';

/** The journal of those who queue tasks: what they asked for and what they were told, kept in the test's own memory. */

export interface QueueCall {
  /** The name of the task, which no other has. */
  readonly key: string;
  readonly kind: TaskTextName;
  readonly told: Told;
  /** Given when it was accepted. */
  readonly jobid: string | undefined;
  /** When it was over, by the clock of this machine. */
  readonly toMs: number;
}

export interface CancelCall {
  /** Undefined when all of a role were cancelled. */
  readonly jobid: string | undefined;
  readonly role: string;
  /** What the call answered; undefined when the connection died. */
  readonly answer: boolean | undefined;
  /** When it began and when it was over, by the clock of this host. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface SeenTask {
  readonly jobid: string;
  readonly status: string;
}

export interface TaskCallerJournal {
  readonly calls: readonly QueueCall[];
  readonly cancels: readonly CancelCall[];
  readonly seen: readonly SeenTask[];
  /** True once somebody has deleted or pruned ended tasks. */
  readonly hasDeleted: boolean;
  /** Notes a call that queues such a text, and the jobid that it answers; rethrows its errors. */
  queue(kind: TaskTextName, seconds: number, call: (text: string, key: string) => Promise<string>): Promise<string>;
  /** Notes a call that cancels; rethrows its errors. */
  cancel(target: { readonly jobid?: string; readonly role: string }, call: () => Promise<boolean>): Promise<boolean>;
  /** Notes that a caller was shown the task as ended. */
  see(jobid: string, status: string): void;
  /** From now on ended tasks may vanish. */
  noteDeletes(): void;
}

let keys = 0;

export function createTaskCallerJournal(): TaskCallerJournal {
  const calls: QueueCall[] = [];
  const cancels: CancelCall[] = [];
  const seen: SeenTask[] = [];
  let hasDeleted = false;
  return {
    calls,
    cancels,
    seen,
    get hasDeleted() {
      return hasDeleted;
    },
    async queue(kind, seconds, call) {
      keys += 1;
      const key = `t${keys} ${kind}`;
      try {
        const jobid = await call(taskText(kind).text(key, seconds), key);
        calls.push({ key, kind, told: 'accepted', jobid, toMs: Date.now() });
        return jobid;
      } catch (error) {
        calls.push({ key, kind, told: isRefusal(error) ? 'refused' : 'unknown', jobid: undefined, toMs: Date.now() });
        throw error;
      }
    },
    async cancel({ jobid, role }, call) {
      const fromMs = Date.now();
      const note = (answer: boolean | undefined) => cancels.push({ jobid, role, answer, fromMs, toMs: Date.now() });
      try {
        const answer = await call();
        note(answer);
        return answer;
      } catch (error) {
        note(isRefusal(error) ? false : undefined);
        throw error;
      }
    },
    see(jobid, status) {
      seen.push({ jobid, status });
    },
    noteDeletes() {
      hasDeleted = true;
    },
  };
}

/** True for an error with which the server itself refused the statement: nothing of it was committed. */
function isRefusal(error: unknown): boolean {
  if (isLamplighterError(error)) return error.code === 'PERMISSION_DENIED';
  return sqlStateOf(error) !== undefined && classifySqlState(error) !== 'environment';
}
