import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { Mismatch, requireEqual } from '../verdict.ts';
import { compareTasks } from './compare-tasks.ts';
import { type CallerStep, takeCallerStep } from './task-caller-steps.ts';
import {
  claimable,
  createTaskModel,
  end,
  finish,
  isDead,
  isLockedFor,
  isUnfinished,
  type ModelTask,
  settleLost,
  type TaskModel,
  type Worker,
} from './task-model.ts';
import type { LiveTaskSession, TaskStage } from './task-stage.ts';
import { type TaskStep, WORKERS, type WorkerName } from './task-steps.ts';

/** The database and the model, taken through the same steps. */
export interface TaskPlay {
  readonly model: TaskModel;
  /** Takes one step and compares; false when it makes no sense here and nothing was done. Fails with a {@link Mismatch}. */
  take(step: TaskStep): Promise<boolean>;
}

interface Live extends LiveTaskSession {
  readonly secret: Buffer;
}

/** Starts over on the stage, with nothing queued. */
export async function startTaskPlay(stage: TaskStage): Promise<TaskPlay> {
  await stage.reset();
  const model = createTaskModel();
  const { admin, worker: db } = stage;
  const workerIds = new Map<string, string>();
  /** The latest session of each task. */
  const live = new Map<string, Live>();
  let stepNumber = 0;
  for (const name of WORKERS) await register(name);

  async function register(name: WorkerName): Promise<void> {
    const id = await value<string>(db, `select lamplighter.register_worker('test', 1, '0', '{}', 1, 600000)`);
    workerIds.set(`${name} ${model.workers.get(name)}`, id);
  }
  const idOf = ({ name, generation }: Worker) => workerIds.get(`${name} ${generation}`) ?? '';
  const present = (name: WorkerName): Worker => ({ name, generation: model.workers.get(name) ?? 0 });
  const runIdOf = ({ label }: ModelTask) =>
    value<string>(admin, 'select run_id from lamplighter.task_run where job_name = $1', [label]);

  async function take(step: TaskStep): Promise<boolean> {
    if (!(await dispatch(step))) return false;
    // What had to wait for 10 ms, for room in the table perhaps, comes a moment later.
    await admin.query('select lamplighter.project_tasks(1000)');
    await compareTasks(stage, model, idOf, stepNumber);
    stepNumber += 1;
    return true;
  }

  async function dispatch(step: TaskStep): Promise<boolean> {
    if (isCallerStep(step)) return takeCallerStep(stage, model, step);
    if ('task' in step) {
      const task = model.tasks.get(step.task);
      return task !== undefined && (await runOf(step, task));
    }
    switch (step.do) {
      case 'claim':
        return claim(present(step.by), step.limit);
      case 'rescue':
      case 'rescue cancelled':
        return rescue(present(step.by), step.do === 'rescue');
      case 'settle strays':
        requireEqual('strays', await value<number>(db, 'select lamplighter.settle_stray_tasks()'), 0);
        return true;
      case 'prune':
        return prune(step.limit);
      case 'bury':
        await admin.query(`update lamplighter.worker set status = 'dead', died_at = now() where worker_id = $1`, [
          idOf(present(step.worker)),
        ]);
        model.workers.set(step.worker, (model.workers.get(step.worker) ?? 0) + 1);
        await register(step.worker);
        return true;
    }
  }

  /** A step of an attempt at that task. */
  async function runOf(step: AttemptStep, task: ModelTask): Promise<boolean> {
    switch (step.do) {
      case 'open':
        return open(task);
      case 'record':
        return record(task);
      case 'mark bare':
        return markBare(task);
      case 'take effect':
        return takeEffect(task);
      case 'end text':
        return endText(task, step.how);
      case 'lose session':
        return loseSession(task);
      case 'finish':
        return finishTask(task, step.verdict);
      case 'release':
        return release(task, step.isCharged);
    }
  }

  async function claim(by: Worker, limit: number): Promise<boolean> {
    const { rows: claimed } = await db.query<{ jobid: string }>('select jobid from lamplighter.claim_tasks($1, $2)', [
      idOf(by),
      limit,
    ]);
    const byJobid = await labels();
    const rows = claimed.map(({ jobid }) => byJobid.get(jobid) ?? jobid);
    const queues = claimable(model);
    const loads = new Map(
      [...queues.keys()].map((role) => [
        role,
        [...model.tasks.values()].filter((task) => task.role === role && task.state === 'running').length,
      ]),
    );
    const ready = [...queues.values()].flat().filter(({ isCancelled }) => !isCancelled).length;
    requireEqual('how many were claimed', rows.length, Math.min(limit, ready));
    const isExhausted = rows.length < limit;
    for (const label of rows) {
      const task = model.tasks.get(label);
      if (task === undefined) throw new Mismatch(`claimed ${label}, which is unknown`);
      const queue = queues.get(task.role) ?? [];
      // Those before it were cancelled, and end now.
      while (queue[0] !== undefined && queue[0] !== task && queue[0].isCancelled)
        end(queue.shift() ?? task, 'canceled');
      if (queue.shift() !== task) throw new Mismatch(`claimed ${label} out of turn`);
      const load = loads.get(task.role) ?? 0;
      for (const [role, others] of queues) {
        const isFair = others.every(({ isCancelled }) => isCancelled) || (loads.get(role) ?? 0) >= load;
        if (!isFair && role !== task.role) throw new Mismatch(`claimed ${label} though ${role} has fewer running`);
      }
      loads.set(task.role, load + 1);
      task.state = 'running';
      task.attempt += 1;
      task.holder = by;
      task.session = undefined;
    }
    await settleCancelled([...queues.values()].flat(), isExhausted);
    return true;
  }

  /** What was cancelled before it was put back ends when a claim meets it, which it must where the claim took all that there is. */
  async function settleCancelled(left: readonly ModelTask[], isExhausted: boolean): Promise<void> {
    for (const task of left.filter(({ isCancelled }) => isCancelled)) {
      const state = await value<string>(admin, 'select state from lamplighter.task_run where job_name = $1', [
        task.label,
      ]);
      if (state === 'canceled' || isExhausted) end(task, 'canceled');
    }
  }

  async function open(task: ModelTask): Promise<boolean> {
    const { holder } = task;
    if (task.state !== 'running' || holder === undefined || task.session !== undefined) return false;
    const session = { ...(await stage.openTaskSession(task.role)), secret: randomBytes(16) };
    const { rows } = await db.query<{ is_noted: boolean }>(
      `select lamplighter.note_task_session($1, $2, $3, $4, 42,
                $5, pg_postmaster_start_time(), $6) as is_noted`,
      [
        idOf(holder),
        await runIdOf(task),
        task.attempt,
        session.pid,
        session.backendStart,
        createHash('sha256').update(session.secret).digest(),
      ],
    );
    requireEqual('noted', rows[0]?.is_noted, !task.isCancelled);
    if (task.isCancelled) {
      await session.lose();
      return true;
    }
    live.set(task.label, session);
    task.session = {
      holder,
      attempt: task.attempt,
      isOpen: true,
      hasRecorded: false,
      isBare: false,
      hasTakenEffect: false,
      isDone: false,
    };
    return true;
  }

  const isOfAttempt = ({ state, attempt, session }: ModelTask) => state === 'running' && session?.attempt === attempt;
  const isFresh = ({ session }: ModelTask) =>
    session?.isOpen === true && !session.hasRecorded && !session.isBare && !session.isDone;

  async function record(task: ModelTask): Promise<boolean> {
    const { session } = task;
    if (!isFresh(task) || session === undefined) return false;
    const { client, secret } = liveOf(task);
    await client.query('begin');
    const refusal = await sqlStateOf(
      client.query('select lamplighter.record_task_outcome($1, $2, $3)', [
        await runIdOrNone(task),
        session.attempt,
        secret,
      ]),
    );
    requireEqual('the refusal to record', refusal, isOfAttempt(task) ? undefined : 'LL002');
    if (refusal === undefined) session.hasRecorded = true;
    else {
      await client.query('rollback');
      session.isDone = true;
    }
    return true;
  }

  async function markBare(task: ModelTask): Promise<boolean> {
    const { session } = task;
    if (!isFresh(task) || session === undefined) return false;
    const { client, secret } = liveOf(task);
    const isMarked = await value<boolean>(client, 'select lamplighter.mark_task_bare($1, $2, $3)', [
      await runIdOrNone(task),
      session.attempt,
      secret,
    ]);
    requireEqual('marked', isMarked, isOfAttempt(task) && !task.isCancelled);
    if (isMarked) {
      session.isBare = true;
      task.isBare = true;
    } else session.isDone = true;
    return true;
  }

  async function takeEffect(task: ModelTask): Promise<boolean> {
    const { session } = task;
    if (session?.isOpen !== true || session.isDone || session.hasTakenEffect) return false;
    if (!session.hasRecorded && !session.isBare) return false;
    await liveOf(task).client.query('insert into public.effect values ($1)', [task.label]);
    session.hasTakenEffect = true;
    if (session.isBare) task.effects += 1;
    return true;
  }

  async function endText(task: ModelTask, how: 'commit' | 'rollback'): Promise<boolean> {
    const { session } = task;
    if (session?.isOpen !== true || session.isDone || !(session.hasRecorded || session.isBare)) return false;
    if (session.hasRecorded) {
      await liveOf(task).client.query(how);
      if (how === 'commit') {
        task.hasOutcome = true;
        if (session.hasTakenEffect) task.effects += 1;
      }
      session.hasRecorded = false;
    }
    session.isDone = true;
    return true;
  }

  async function loseSession({ label, session }: ModelTask): Promise<boolean> {
    if (session?.isOpen !== true) return false;
    await live.get(label)?.lose();
    session.isOpen = false;
    session.hasRecorded = false;
    session.isDone = true;
    return true;
  }

  /** Only of a text that has ended in a session that was well until then, by whoever ran it. */
  async function finishTask(task: ModelTask, verdict: 'succeeded' | 'failed'): Promise<boolean> {
    const { session } = task;
    // Or of one that was not even begun, as nobody would run it.
    if (session?.isOpen !== true || !(session.isDone || (isFresh(task) && verdict === 'failed'))) return false;
    if (session.isBare && verdict === 'succeeded' && !session.hasTakenEffect) return false;
    const status = await value<string | null>(db, 'select lamplighter.finish_task($1, $2, $3, $4, $5, null, null)', [
      idOf(session.holder),
      await runIdOrNone(task),
      session.attempt,
      verdict,
      verdict === 'failed' ? 'no' : null,
    ]);
    requireEqual('the verdict', status, isOfAttempt(task) ? finish(task, verdict) : null);
    return true;
  }

  async function release(task: ModelTask, isCharged: boolean): Promise<boolean> {
    const holder = task.session?.holder ?? task.holder;
    if (holder === undefined) return false;
    const isHeld = task.state === 'running' && (task.session === undefined || isOfAttempt(task));
    const status = await value<string | null>(db, `select lamplighter.release_task($1, $2, $3, 'test', 0, $4)`, [
      idOf(holder),
      await runIdOrNone(task),
      task.session?.attempt ?? task.attempt,
      isCharged,
    ]);
    requireEqual('what a release came to', status, isHeld ? settleLost(task, isCharged) : null);
    return true;
  }

  async function rescue(by: Worker, isOfDead: boolean): Promise<boolean> {
    const call = isOfDead ? 'rescue_tasks($1)' : 'rescue_cancelled_tasks($1, 0)';
    const { rows } = await db.query<{ jobid: string; status: string }>(
      `select jobid, status from lamplighter.${call}`,
      [idOf(by)],
    );
    const byJobid = await labels();
    const found = rows.map(({ jobid, status }) => `${byJobid.get(jobid)} ${status}`);
    const running = [...model.tasks.values()].filter(({ state }) => state === 'running');
    const due = running.filter((task) =>
      isOfDead
        ? task.holder !== undefined && isDead(model, task.holder)
        : task.isCancelled && task.session !== undefined && idOf(task.session.holder) !== idOf(by),
    );
    const expected = due.map((task) => {
      const isLeft = !isOfDead && (task.session?.isOpen === true || task.isBare);
      return `${task.label} ${isLeft ? 'running' : settleLost(task, isOfDead)}`;
    });
    requireEqual('what was rescued', found.sort(), expected.sort());
    return true;
  }

  async function prune(limit: number): Promise<boolean> {
    const eligible = [...model.tasks.values()].filter(
      (task) => !isUnfinished(task) && !task.isDeleted && !isLockedFor(task) && task.queuedBy === undefined,
    );
    const count = await value<number>(db, `select lamplighter.prune_tasks('0', $1)`, [limit]);
    requireEqual('how many were pruned', count, Math.min(limit, eligible.length));
    const left = new Set((await labels()).values());
    for (const task of eligible) if (!left.has(task.label)) task.isDeleted = true;
    requireEqual('the pruned', eligible.filter(({ isDeleted }) => isDeleted).length, count);
    return true;
  }

  /** By jobid, of those that are committed and there. */
  async function labels(): Promise<Map<string, string>> {
    const { rows } = await admin.query<{ jobid: string; label: string }>(
      'select jobid, job_name as label from lamplighter.task_run',
    );
    return new Map(rows.map(({ jobid, label }) => [jobid, label]));
  }

  /** Of a task that was deleted, one that nothing has. */
  async function runIdOrNone(task: ModelTask): Promise<string> {
    return task.isDeleted ? '0' : runIdOf(task);
  }

  function liveOf({ label }: ModelTask): Live {
    const session = live.get(label);
    if (session === undefined) throw new Error(`${label} has no session`);
    return session;
  }

  return { model, take };
}

/** A step of an attempt at a task. */
type AttemptStep = Exclude<Extract<TaskStep, { readonly task: string }>, CallerStep>;

function isCallerStep(step: TaskStep): step is CallerStep {
  return 'by' in step && step.by !== 'work1' && step.by !== 'work2';
}

async function value<T>(db: pg.Client, text: string, params: readonly unknown[] = []): Promise<T> {
  const { rows } = await db.query<Record<string, T>>(text, [...params]);
  const [row] = rows;
  if (row === undefined) throw new Mismatch(`no row: ${text}`);
  return Object.values(row)[0] as T; // the caller knows its statement
}

async function sqlStateOf(promise: Promise<unknown>): Promise<string | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error.code;
    throw error;
  }
}
