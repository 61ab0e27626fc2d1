import { createRandom } from '../random.ts';
import { Mismatch } from '../verdict.ts';
import { randomTaskStep } from './random-task-steps.ts';
import { isUnfinished } from './task-model.ts';
import { startTaskPlay, type TaskPlay } from './task-play.ts';
import type { TaskStage } from './task-stage.ts';
import { CALLERS, type TaskStep, WORKERS } from './task-steps.ts';

export interface TaskFailure {
  readonly steps: readonly TaskStep[];
  readonly message: string;
}

/** Steps of one play, before all that is left is finished. */
const STEPS = 80;
/** Tries to find a step that makes sense. */
const MOST_TRIES = 2_000;

/** One random interleaving, and then all that is left is run to its end; undefined when the database agreed with the model. */
export async function runRandomTasks(stage: TaskStage, seed: number): Promise<TaskFailure | undefined> {
  const random = createRandom(seed);
  return runPlay(stage, async (play, take) => {
    let labels = 0;
    for (let count = 0, tries = 0; count < STEPS && tries < MOST_TRIES; tries += 1) {
      const step = randomTaskStep(play.model, random, `t${String(labels).padStart(3, '0')}`);
      if (!(await take(step))) continue;
      count += 1;
      if (step.do === 'queue') labels += 1;
    }
  });
}

/** The same steps again; those that make no sense any more, as another was left out, are passed over. */
export async function runTaskSteps(stage: TaskStage, steps: readonly TaskStep[]): Promise<TaskFailure | undefined> {
  return runPlay(stage, async (_, take) => {
    for (const step of steps) await take(step);
  });
}

async function runPlay(
  stage: TaskStage,
  act: (play: TaskPlay, take: (step: TaskStep) => Promise<boolean>) => Promise<void>,
): Promise<TaskFailure | undefined> {
  const steps: TaskStep[] = [];
  const play = await startTaskPlay(stage);
  try {
    await act(play, async (step) => {
      steps.push(step);
      const isTaken = await play.take(step);
      if (!isTaken) steps.pop();
      return isTaken;
    });
    await drain(play);
    return undefined;
  } catch (error) {
    if (error instanceof Mismatch) return { steps, message: error.message };
    throw new Error(`broke off after ${JSON.stringify(steps)}`, { cause: error });
  }
}

/** Ends all transactions and sessions, buries all workers, and runs what is left: then nothing may be unfinished, or done twice. */
async function drain({ model, take }: TaskPlay): Promise<void> {
  for (const by of CALLERS) await take({ do: 'commit', by });
  for (const task of [...model.tasks.keys()]) await take({ do: 'lose session', task });
  for (const worker of WORKERS) await take({ do: 'bury', worker });
  await take({ do: 'rescue', by: 'work1' });
  const unfinished = () => [...model.tasks.values()].filter(isUnfinished);
  for (let rounds = unfinished().length + 1; rounds > 0 && unfinished().length > 0; rounds -= 1) {
    await take({ do: 'claim', by: 'work2', limit: 2 });
    for (const { label: task } of unfinished().filter(({ state }) => state === 'running')) {
      for (const step of ['open', 'record', 'take effect'] as const) await take({ do: step, task });
      await take({ do: 'end text', task, how: 'commit' });
      await take({ do: 'finish', task, verdict: 'succeeded' });
    }
  }
  const [stuck] = unfinished();
  if (stuck !== undefined) throw new Mismatch(`${stuck.label} never ended`);
  await take({ do: 'settle strays', by: 'work1' });
  for (const { label, state, isBare, effects } of model.tasks.values()) {
    if (effects > 1 || (effects === 1 && state !== 'succeeded' && !isBare)) {
      throw new Mismatch(`${label} is ${state} and was applied ${effects} times`);
    }
  }
}

/** Leaves out steps for as long as what is left fails, up to `mostMs`. */
export async function shrinkTaskSteps(stage: TaskStage, failure: TaskFailure, mostMs: number): Promise<TaskFailure> {
  const untilMs = performance.now() + mostMs;
  let best = failure;
  for (let size = Math.ceil(best.steps.length / 2); size >= 1; ) {
    let hasShrunk = false;
    for (let at = best.steps.length - size; at > -size && performance.now() < untilMs; at -= size) {
      const rest = [...best.steps.slice(0, Math.max(0, at)), ...best.steps.slice(at + size)];
      const shorter = rest.length < best.steps.length ? await runTaskSteps(stage, rest) : undefined;
      if (shorter === undefined || shorter.steps.length >= best.steps.length) continue;
      best = shorter;
      hasShrunk = true;
    }
    if (performance.now() >= untilMs) break;
    if (size > 1) size = Math.ceil(size / 2);
    else if (!hasShrunk) break;
  }
  return best;
}
