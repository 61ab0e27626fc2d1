import { drain } from './drain.ts';
import { type Play, startPlay } from './play.ts';
import { createRandom } from './random.ts';
import { randomStep, randomTheme } from './random-steps.ts';
import type { Stage } from './stage.ts';
import { printSteps, type Step } from './steps.ts';
import { Mismatch } from './verdict.ts';

/** A list of steps after which the database did something else than the model. */
export interface Failure {
  readonly steps: readonly Step[];
  readonly message: string;
  /** It showed only when everything was to be finished, after these steps. */
  readonly isAtEnd: boolean;
}

/** How much was done. */
export interface Effort {
  steps: number;
  plays: number;
}

/** Steps of one play, before all that is left is finished. */
const STEPS = 60;

/** One random interleaving; undefined when the database agreed with the model to the end. */
export async function runRandom(stage: Stage, seed: number, effort: Effort): Promise<Failure | undefined> {
  const random = createRandom(seed);
  const theme = randomTheme(random);
  return runPlay(stage, effort, true, async (play, take) => {
    for (let count = 0; count < STEPS; ) if (await take(randomStep(play.model, theme, random))) count += 1;
  });
}

/**
 * The same steps again; those that make no sense any more, because another was left out, are passed over.
 *
 * @param isDrained whether all that is left is finished afterwards, see {@link drain}
 */
export async function runSteps(
  stage: Stage,
  steps: readonly Step[],
  isDrained: boolean,
  effort: Effort,
): Promise<Failure | undefined> {
  return runPlay(stage, effort, isDrained, async (_, take) => {
    for (const step of steps) await take(step);
  });
}

async function runPlay(
  stage: Stage,
  effort: Effort,
  isDrained: boolean,
  act: (play: Play, take: (step: Step) => Promise<boolean>) => Promise<void>,
): Promise<Failure | undefined> {
  const steps: Step[] = [];
  let isAtEnd = false;
  const play = await startPlay(stage);
  effort.plays += 1;
  try {
    await act(play, async (step) => {
      steps.push(step);
      const isTaken = await play.take(step);
      if (isTaken) effort.steps += 1;
      else steps.pop();
      return isTaken;
    });
    isAtEnd = true;
    if (isDrained) await drain(play);
    return undefined;
  } catch (error) {
    if (error instanceof Mismatch) return { steps, message: error.message, isAtEnd };
    throw new Error(`broke off after\n${printSteps(steps)}`, { cause: error });
  }
}
