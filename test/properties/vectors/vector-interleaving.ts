import { createRandom } from '../random.ts';
import { Mismatch } from '../verdict.ts';
import { compareVectors, isRight, requireRest } from './compare-vectors.ts';
import { randomVectorStep } from './random-vector-steps.ts';
import { startDaemons } from './vector-daemon-steps.ts';
import { createVectorModel, isPrepared, type VectorModel } from './vector-model.ts';
import type { VectorStage } from './vector-stage.ts';
import { type DaemonStep, SHAPES, type Shape, type VectorStep, WRITERS } from './vector-steps.ts';
import { takeTableStep } from './vector-table-steps.ts';
import { takeWriterStep } from './vector-writer-steps.ts';

export interface VectorFailure {
  readonly shape: Shape;
  readonly steps: readonly VectorStep[];
  readonly message: string;
}

/** Steps of one play, before all is brought to rest. */
const STEPS = 70;
/** Tries to find a step that makes sense. */
const MOST_TRIES = 2_000;
/** Rounds in which all that is left has to be embedded. */
const MOST_ROUNDS = 20;

type Take = (step: VectorStep) => Promise<boolean>;

/** One random interleaving, after which all is brought to rest; undefined when the database agreed with the model. */
export async function runRandomVectors(stage: VectorStage, seed: number): Promise<VectorFailure | undefined> {
  const random = createRandom(seed);
  const shape = SHAPES[seed % SHAPES.length] ?? 'column';
  return runPlay(stage, shape, async (take) => {
    await take({ do: 'insert', by: 'ann', ids: [1, 2, 3, 4, 5], text: 'one', hasVector: false });
    for (let count = 0, tries = 0; count < STEPS && tries < MOST_TRIES; tries += 1) {
      if (await take(randomVectorStep(random, tries))) count += 1;
    }
  });
}

/** The same steps again; those that make no sense any more, as another was left out, are passed over. */
export async function runVectorSteps(
  stage: VectorStage,
  shape: Shape,
  steps: readonly VectorStep[],
): Promise<VectorFailure | undefined> {
  return runPlay(stage, shape, async (take) => {
    for (const step of steps) await take(step);
  });
}

async function runPlay(
  stage: VectorStage,
  shape: Shape,
  act: (take: Take) => Promise<void>,
): Promise<VectorFailure | undefined> {
  await stage.reset(shape);
  const model = createVectorModel(shape);
  const daemons = await startDaemons(stage, model);
  const steps: VectorStep[] = [];

  async function take(step: VectorStep): Promise<boolean> {
    steps.push(step);
    if (!(await dispatch(step))) {
      steps.pop();
      return false;
    }
    await compareVectors(stage, model, { isOfDaemon: isOfDaemon(step), isTold: daemons.takeCompletions() > 0 });
    return true;
  }

  async function dispatch(step: VectorStep): Promise<boolean> {
    if (isOfDaemon(step)) return daemons.take(step);
    if ('by' in step) return takeWriterStep(stage, model, step);
    return takeTableStep(stage, model, step);
  }

  let played = 0;
  try {
    await act(take);
    played = steps.length;
    await bringToRest(model, take);
    await requireRest(stage, model);
    return undefined;
  } catch (error) {
    const own = played === 0 ? steps : steps.slice(0, played);
    if (error instanceof Mismatch) return { shape, steps: own, message: error.message };
    throw new Error(`broke off, ${shape}, after ${JSON.stringify(steps)}`, { cause: error });
  }
}

const DAEMON_STEPS: readonly string[] = [
  'prepare',
  'rescue',
  'bury',
  'claim',
  'page',
  'write',
  'write late',
  'release',
  'wait',
  'wait for an hour',
] satisfies DaemonStep['do'][];

function isOfDaemon(step: VectorStep): step is DaemonStep {
  return DAEMON_STEPS.includes(step.do);
}

/** Ends all transactions, leaves one daemon, and has it do what it would do by itself; an hour later where changes went unseen. */
async function bringToRest(model: VectorModel, take: Take): Promise<void> {
  for (const by of WRITERS) await take({ do: 'commit', by });
  await take({ do: 'enable triggers' });
  await take({ do: 'bury', by: 'two' });
  await take({ do: 'rescue', by: 'one' });
  let idle = 0;
  for (let round = 0; round < MOST_ROUNDS && idle < 3; round += 1) {
    // As once a minute, and whenever it has found that something has changed.
    if (idle === 0 || !isPrepared(model)) await take({ do: 'prepare', by: 'one' });
    if (idle === 2) await take({ do: 'wait for an hour' });
    else await take({ do: 'wait' });
    while (await take({ do: 'write', by: 'one', isAnswered: true }));
    const before = progressOf(model);
    for (let claims = 0; claims < 3; claims += 1) {
      await take({ do: 'claim', by: 'one', limit: 100, isFullLook: true });
      await take({ do: 'write', by: 'one', isAnswered: true });
      await take({ do: 'page', by: 'one', limit: 100 });
      while (await take({ do: 'write', by: 'one', isAnswered: true }));
    }
    idle = progressOf(model) === before && wrongIn(model) === 0 ? idle + 1 : Math.min(idle, 1);
    if (wrongIn(model) > 0 && model.isUnseen) await take({ do: 'wait for an hour' });
  }
}

const wrongIn = (model: VectorModel) => [...model.rows.values()].filter((row) => !isRight(model, row)).length;
const progressOf = (model: VectorModel) => [...model.rows.values()].map(({ vector }) => vector).join();

/** Leaves out steps for as long as what is left fails, up to `mostMs`. */
export async function shrinkVectorSteps(
  stage: VectorStage,
  failure: VectorFailure,
  mostMs: number,
): Promise<VectorFailure> {
  const untilMs = performance.now() + mostMs;
  let best = failure;
  for (let size = Math.ceil(best.steps.length / 2); size >= 1; ) {
    let hasShrunk = false;
    for (let at = best.steps.length - size; at > -size && performance.now() < untilMs; at -= size) {
      const rest = [...best.steps.slice(0, Math.max(0, at)), ...best.steps.slice(at + size)];
      const shorter = rest.length < best.steps.length ? await runVectorSteps(stage, best.shape, rest) : undefined;
      const isBetter =
        shorter !== undefined && shorter.steps.length < best.steps.length && kindOf(shorter) === kindOf(best);
      if (!isBetter) continue;
      best = shorter;
      hasShrunk = true;
    }
    if (performance.now() >= untilMs) break;
    if (size > 1) size = Math.ceil(size / 2);
    else if (!hasShrunk) break;
  }
  return best;
}

/** Failures are of one kind when their messages begin alike. */
function kindOf({ message }: VectorFailure): string {
  return message.replaceAll(/\d+/g, '').slice(0, 20);
}
