import pg from 'pg';
import { eventually } from '../support/eventually.ts';
import { runCallerStep } from './caller-statements.ts';
import { judgeCallerStep } from './caller-verdicts.ts';
import { createWorkerSide, FALL_SILENT, type Names, PASS_TIME, runWorkerStep, type WorkerSide } from './engine.ts';
import { observeAll, observeSession } from './observation.ts';
import { requireProgress } from './progress.ts';
import {
  abortTransaction,
  beginTransaction,
  closeStamps,
  createQueueModel,
  endTransaction,
  type ModelSession,
  noteReady,
  type QueueModel,
  sessionOf,
  stampNow,
} from './queue-model.ts';
import type { Actor, Stage } from './stage.ts';
import type { CallerStep, OutsideStep, SessionStep, Step, WorkerStep } from './steps.ts';
import { Mismatch, refused, requireEqual, type Verdict } from './verdict.ts';
import { judgeWorkerStep } from './worker-verdicts.ts';

/** For statements of which the model says that they meet a lock. */
const SHORT_LOCK_TIMEOUT = '15ms';
const LONG_LOCK_TIMEOUT = '60s';

type Statement = CallerStep | WorkerStep;
type Outcome = { readonly answer: unknown } | { readonly error: unknown };

/** The database and the model, taken through the same steps. */
export interface Play {
  readonly model: QueueModel;
  /** Takes one step and compares; false when it makes no sense here and nothing was done. Fails with a {@link Mismatch}. */
  take(step: Step): Promise<boolean>;
  /** Compares the events of the whole play. All transactions must have ended. */
  compareEvents(): Promise<void>;
}

/** Starts over on the stage, with nothing queued and no worker. */
export async function startPlay(stage: Stage): Promise<Play> {
  await stage.reset();
  const { admin } = stage;
  const owner: ModelSession = { ...toModelSession(ownerOf(stage)), name: 'everybody' };
  const model = createQueueModel(stage.actors.map(toModelSession), 0);
  model.clock = await observeAll(admin, model, owner);
  const actors = new Map(stage.actors.map((actor) => [actor.name, actor]));
  const sides = new Map(
    stage.actors
      .filter(({ kind }) => kind === 'worker')
      .map((actor) => [actor.name, createWorkerSide(actor.db, actor.lanes)]),
  );
  /** Statements that wait for a lock, by session. */
  const waiting = new Map<string, { readonly step: Statement; readonly outcome: Promise<Outcome> }>();

  async function take(step: Step): Promise<boolean> {
    model.stepNumber += 1;
    if (!(await dispatch(step))) return false;
    await wakeWaiters();
    await observe('by' in step ? step.by : undefined);
    noteReady(model);
    return true;
  }

  async function dispatch(step: Step): Promise<boolean> {
    if (isSessionStep(step)) return changeSession(step);
    return 'by' in step ? runStatement(step) : happenOutside(step);
  }

  async function runStatement(step: Statement): Promise<boolean> {
    const session = sessionOf(model, step.by);
    if (session.isBlocked) return false;
    const isOwn = session.transaction === undefined;
    if (isOwn) {
      beginTransaction(model, session, { startedAt: stampNow(model), isOpen: false, hasOneSnapshot: false });
    }
    const verdict = session.transaction?.isAborted === true ? refused('25P02') : judge(session, step);
    if (verdict === undefined) {
      if (isOwn) endTransaction(model, session, false);
      return false;
    }
    const actor = actorOf(step.by);
    if (verdict.kind === 'waits' && mayWait(session, step, verdict.on)) {
      await actor.setLockTimeout(LONG_LOCK_TIMEOUT, !isOwn);
      const outcome = outcomeOf(perform(step));
      await untilBlocked(actor, actorOf(verdict.on), outcome);
      session.isBlocked = true;
      waiting.set(session.name, { step, outcome });
      return true;
    }
    const isLocked = verdict.kind === 'waits' || (verdict.kind === 'refused' && verdict.sqlStates.includes('55P03'));
    if (isLocked) await actor.setLockTimeout(SHORT_LOCK_TIMEOUT, !isOwn);
    const outcome = await outcomeOf(perform(step));
    if (isLocked && isOwn) await actor.resetLockTimeout(false);
    if (isOwn && verdict.kind === 'done' && 'answer' in outcome && isWorkerStep(step)) {
      await requireProgress(admin.db, session, { step, answer: outcome.answer, clock: model.clock });
    }
    settle(session, verdict.kind === 'waits' ? refused('55P03') : verdict, outcome);
    return true;
  }

  /** Compares an outcome with the verdict, and ends the statement's transaction if it was its own. */
  function settle(session: ModelSession, verdict: Verdict, outcome: Outcome): void {
    if (verdict.kind === 'waits') throw new Mismatch('expected the statement to wait on');
    if (verdict.kind === 'done') {
      if ('error' in outcome) throw new Mismatch(`refused: ${describe(outcome.error)}`);
      verdict.accept(outcome.answer);
      if (session.transaction?.isOpen === false) endTransaction(model, session, true);
      return;
    }
    if ('answer' in outcome) {
      if (!('orAnswers' in verdict)) {
        throw new Mismatch(`answered ${JSON.stringify(outcome.answer)}, expected ${verdict.sqlStates.join(' or ')}`);
      }
      requireEqual('the answer', outcome.answer, verdict.orAnswers);
      if (session.transaction?.isOpen === false) endTransaction(model, session, false);
      return;
    }
    const { error } = outcome;
    const isExpected =
      error instanceof pg.DatabaseError &&
      verdict.sqlStates.includes(error.code ?? '') &&
      (verdict.message ?? error.message) === error.message;
    if (!isExpected) {
      throw new Mismatch(
        `refused: ${describe(error)}, expected ${verdict.sqlStates.join(' or ')} ${verdict.message ?? ''}`,
      );
    }
    abortTransaction(model, session);
  }

  function judge(session: ModelSession, step: Statement): Verdict | undefined {
    return isWorkerStep(step) ? judgeWorkerStep(model, session, step) : judgeCallerStep(model, session, step);
  }

  function perform(step: Statement): Promise<unknown> {
    if (!isWorkerStep(step)) return runCallerStep(actorOf(step.by).db, step, names.requestIdOf);
    return runWorkerStep(sideOf(step.by), step, sessionOf(model, step.by).worker, names);
  }

  /** One statement at a time waits for a session, and nobody who is waited for waits: no deadlocks. */
  function mayWait(session: ModelSession, step: Statement, on: string): boolean {
    if (!('waits' in step) || !('request' in step) || sessionOf(model, on).isBlocked) return false;
    return [...waiting].every(([, other]) => {
      const label = 'request' in other.step ? other.step.request : undefined;
      return label !== step.request && model.requests.get(label ?? '')?.writer !== session.name;
    });
  }

  async function untilBlocked(actor: Actor, by: Actor, outcome: Promise<Outcome>): Promise<void> {
    let early: Outcome | undefined;
    void outcome.then((settled) => {
      early = settled;
    });
    const isBlocked = async () => {
      if (early !== undefined) return;
      const { rows } = await admin.db.query<{ pids: number[] }>('select pg_blocking_pids($1) as pids', [actor.pid()]);
      if (rows[0]?.pids.includes(by.pid()) !== true) throw new Error(`${actor.name} does not wait for ${by.name}`);
    };
    await eventually(isBlocked, { intervalMs: 2 });
    if (early !== undefined) throw new Mismatch(`did not wait for ${by.name}: ${JSON.stringify(early)}`);
  }

  /** Statements whose lock was let go come to their end, as if they had only begun now. */
  async function wakeWaiters(): Promise<void> {
    for (let isDone = false; !isDone; ) {
      isDone = true;
      for (const [name, { step, outcome }] of waiting) {
        const session = sessionOf(model, name);
        const verdict = judge(session, step);
        if (verdict === undefined) throw new Error(`${step.do} was begun, and makes no sense`);
        if (verdict.kind === 'waits') continue;
        waiting.delete(name);
        settle(session, verdict, await outcome);
        session.isBlocked = false;
        const { transaction } = session;
        if (transaction?.isAborted !== true) await actorOf(name).resetLockTimeout(transaction !== undefined);
        isDone = false;
      }
    }
  }

  async function changeSession(step: SessionStep): Promise<boolean> {
    const session = sessionOf(model, step.by);
    const actor = actorOf(step.by);
    if (step.do === 'cut') {
      await actor.cut();
      waiting.delete(step.by);
      session.isBlocked = false;
      endTransaction(model, session, false);
      return true;
    }
    if (session.isBlocked || (step.do === 'begin') === (session.transaction !== undefined)) return false;
    if (step.do !== 'begin') {
      await actor.db.query(step.do);
      endTransaction(model, session, step.do === 'commit');
      return true;
    }
    await actor.db.query(`begin isolation level ${step.isolation}`);
    const { rows } = await actor.db.query<{ us: number }>('select (extract(epoch from now()) * 1000000)::float8 as us');
    const us = rows[0]?.us ?? 0;
    beginTransaction(model, session, {
      startedAt: { from: us, to: us },
      isOpen: true,
      hasOneSnapshot: step.isolation === 'repeatable read',
    });
    return true;
  }

  async function happenOutside(step: OutsideStep): Promise<boolean> {
    switch (step.do) {
      case 'pause':
      case 'resume':
        await admin.db.query(`select public.steadytext_${step.do}($1)`, [step.functionName]);
        if (step.do === 'pause') model.paused.add(step.functionName);
        else model.paused.delete(step.functionName);
        return true;
      case 'fall silent': {
        const worker = model.workers.get(step.worker);
        if (worker?.committed === undefined || worker.writer !== undefined) return false;
        await admin.db.query(FALL_SILENT, [worker.workerId]);
        worker.committed = { ...worker.committed, isSilent: true };
        return true;
      }
      case 'time passes':
        await admin.db.query(PASS_TIME);
        for (const cell of model.requests.values()) {
          if (cell.writer !== undefined || cell.committed?.status !== 'pending' || cell.committed.turn !== 'later')
            continue;
          cell.committed = { ...cell.committed, turn: 'due' };
          cell.version += 1;
        }
        return true;
    }
  }

  /** Everything as the owner sees it, what the session sees that did something, and what one other sees: each in turn. */
  async function observe(by: string | undefined): Promise<void> {
    const callers = stage.actors.filter(({ kind }) => kind === 'caller');
    const next = callers[model.stepNumber % callers.length];
    const observers = callers.filter((actor) => {
      const { isBlocked, transaction } = sessionOf(model, actor.name);
      return (actor.name === by || actor === next) && !isBlocked && transaction?.isAborted !== true;
    });
    const [clock] = await Promise.all([
      observeAll(stage.admin, model, owner),
      ...observers.map((actor) => observeSession(actor, model, sessionOf(model, actor.name))),
    ]);
    closeStamps(model, clock);
  }

  function actorOf(name: string): Actor {
    const actor = actors.get(name);
    if (actor === undefined) throw new Error(`there is no actor ${name}`);
    return actor;
  }

  function sideOf(name: string): WorkerSide {
    const side = sides.get(name);
    if (side === undefined) throw new Error(`${name} is no worker`);
    return side;
  }

  const names: Names = {
    requestIdOf: (label) => model.requests.get(label)?.requestId ?? '',
    functionOf(label) {
      const cell = model.requests.get(label);
      const request = cell?.committed ?? cell?.uncommitted;
      if (request === undefined) throw new Error(`nothing is known of ${label}`);
      return request.functionName;
    },
    idOf: (label) => model.requests.get(label)?.id ?? 0,
    workerIdOf: (name) => model.workers.get(name)?.workerId ?? '',
    workerNameOf: (id) => [...model.workers.values()].find(({ workerId }) => workerId === id)?.name ?? id,
    isHeld: (worker, { requestId, attempt }) =>
      [...model.requests.values()].some(
        ({ requestId: id, writer, committed }) =>
          id === requestId &&
          (writer !== undefined ||
            (committed?.status === 'processing' && committed.holder === worker && committed.attempt === attempt)),
      ),
    claimBook: new Map(),
  };

  return {
    model,
    take,
    async compareEvents() {
      const textOf = (end: object) => JSON.stringify(end);
      const own = () =>
        stage.heard.filter(({ requestId }) =>
          [...model.requests.values()].some((cell) => cell.requestId === requestId),
        );
      const compare = () => requireEqual('events', own().map(textOf).sort(), model.announced.map(textOf).sort());
      await eventually(compare, { timeoutMs: stage.patienceMs, intervalMs: 5 });
    },
  };
}

const WORKER_STEPS: readonly string[] = [
  'register',
  'claim',
  'claim quarantined',
  'finish',
  'list lost',
  'rescue',
  'promote',
  'prune old',
  'renew',
] satisfies WorkerStep['do'][];

const SESSION_STEPS: readonly string[] = ['begin', 'commit', 'rollback', 'cut'] satisfies SessionStep['do'][];

function isSessionStep(step: Step): step is SessionStep {
  return SESSION_STEPS.includes(step.do);
}

function isWorkerStep(step: Statement): step is WorkerStep {
  return WORKER_STEPS.includes(step.do);
}

function ownerOf(stage: Stage): Actor {
  const owner = stage.actors.find(({ name }) => name === 'owner');
  if (owner === undefined) throw new Error('there is no owner');
  return owner;
}

function toModelSession({ name, role, username, lanes }: Actor): ModelSession {
  return {
    name,
    role,
    username,
    lanes,
    transaction: undefined,
    isBlocked: false,
    worker: undefined,
    lookedAt: -1,
    passedOver: new Map(),
  };
}

async function outcomeOf(promise: Promise<unknown>): Promise<Outcome> {
  try {
    return { answer: await promise };
  } catch (error) {
    return { error };
  }
}

function describe(error: unknown): string {
  if (error instanceof pg.DatabaseError) return `${error.message} (${error.code})`;
  return String(error);
}
