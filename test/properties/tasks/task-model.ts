import { type CallerName, type RoleName, roleOf, WORKERS, type WorkerName } from './task-steps.ts';

/**
 * What the documentation says of tasks, as far as it can be seen: the life of each one, who may see it, and what is left of it. It knows
 * nothing of how the engine does that.
 */

export type TaskState = 'queued' | 'running' | 'succeeded' | 'failed' | 'canceled';

export interface ModelTask {
  readonly label: string;
  readonly role: RoleName;
  /** In the order of queueing, from when it was committed or not. */
  readonly number: number;
  /** The caller in whose open transaction it was queued. */
  queuedBy: CallerName | undefined;
  state: TaskState;
  attempt: number;
  charge: number;
  /** The worker and how often there was one of that name before it: one that was buried is not the next one. */
  holder: Worker | undefined;
  session: ModelTaskSession | undefined;
  /** The outcome of any attempt is committed. */
  hasOutcome: boolean;
  isBare: boolean;
  isCancelled: boolean;
  /** What the open transaction of a caller has made of it, which nobody else sees. */
  own: { readonly by: CallerName; readonly state: TaskState | 'gone' } | undefined;
  isDeleted: boolean;
  effects: number;
}

export interface Worker {
  readonly name: WorkerName;
  readonly generation: number;
}

/** The session of an attempt, which goes on whatever becomes of the attempt. */
export interface ModelTaskSession {
  readonly holder: Worker;
  readonly attempt: number;
  isOpen: boolean;
  /** A transaction is open, with the outcome in it. */
  hasRecorded: boolean;
  isBare: boolean;
  hasTakenEffect: boolean;
  /** Its text has ended, well or not. */
  isDone: boolean;
}

/** A change that the commit of a caller makes. */
export type Pending = () => void;

export interface TaskModel {
  readonly tasks: Map<string, ModelTask>;
  readonly workers: Map<WorkerName, number>;
  /** How many were queued so far, those included whose transaction was rolled back. */
  queued: number;
  /** Open transactions of callers. */
  readonly transactions: Map<CallerName, Pending[]>;
}

const MOST_CHARGE = 3;
export const isUnfinished = ({ state }: ModelTask): boolean => state === 'queued' || state === 'running';

export function createTaskModel(): TaskModel {
  return { tasks: new Map(), workers: new Map(WORKERS.map((name) => [name, 0])), queued: 0, transactions: new Map() };
}

/** The state that it has for that caller; undefined where it sees no such task. */
export function stateSeenBy(task: ModelTask, by: CallerName): TaskState | undefined {
  if (task.role !== roleOf(by) || task.isDeleted) return undefined;
  if (task.queuedBy !== undefined && task.queuedBy !== by) return undefined;
  const { state } = task.own?.by === by ? task.own : task;
  return state === 'gone' ? undefined : state;
}

/** Whether the open transaction of somebody else has its row. */
export const isLockedFor = ({ own }: ModelTask, by?: CallerName): boolean => own !== undefined && own.by !== by;

export const isDead = ({ workers }: TaskModel, { name, generation }: Worker): boolean =>
  workers.get(name) !== generation;

/** Makes the change now, or at the commit of the caller's open transaction. */
export function change(model: TaskModel, by: CallerName, pending: Pending): void {
  const open = model.transactions.get(by);
  if (open === undefined) pending();
  else open.push(pending);
}

/** Ends a task whose session was lost; what becomes of it, `running` while its backend is there. */
export function settleLost(task: ModelTask, isCharged: boolean): TaskState {
  const { session } = task;
  if (session?.isOpen === true) return 'running';
  if (task.hasOutcome) return end(task, 'succeeded');
  if (task.isCancelled) return end(task, 'canceled');
  if (task.isBare) return end(task, 'failed');
  if (isCharged && session !== undefined) task.charge += 1;
  if (isCharged && session !== undefined && task.charge >= MOST_CHARGE) return end(task, 'failed');
  task.state = 'queued';
  task.holder = undefined;
  task.session = undefined;
  return 'queued';
}

/** The verdict that counts where its worker has that one. */
export function finish(task: ModelTask, verdict: 'succeeded' | 'failed'): TaskState {
  if (task.hasOutcome) return end(task, 'succeeded');
  if (verdict === 'succeeded' && task.isBare) return end(task, 'succeeded');
  return end(task, task.isCancelled ? 'canceled' : 'failed');
}

export function end(task: ModelTask, state: TaskState): TaskState {
  task.state = state;
  return state;
}

/** Those that a worker may claim, by role, in the order of queueing. */
export function claimable({ tasks }: TaskModel): Map<RoleName, ModelTask[]> {
  const byRole = new Map<RoleName, ModelTask[]>();
  for (const task of [...tasks.values()].sort((a, b) => a.number - b.number)) {
    if (task.state !== 'queued' || task.queuedBy !== undefined || isLockedFor(task)) continue;
    byRole.set(task.role, [...(byRole.get(task.role) ?? []), task]);
  }
  return byRole;
}
