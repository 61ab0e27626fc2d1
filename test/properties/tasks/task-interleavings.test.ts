import { readFileSync } from 'node:fs';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runRandomTasks, runTaskSteps, shrinkTaskSteps, type TaskFailure } from './task-interleaving.ts';
import { createTaskStage, type TaskStage } from './task-stage.ts';
import { printTaskSteps, type TaskStep } from './task-steps.ts';

/**
 * Random interleavings of callers, many with transactions left open, of workers and of the sessions that run tasks: after each step all
 * that anybody can see is compared with a small model made from the documentation (`task-model.ts`). In the end everything is run, so that
 * nothing was stuck, lost or applied twice. The variables are those of `../interleavings.test.ts`.
 */
const { LAMPLIGHTER_PROPERTY_SEED: seedText, LAMPLIGHTER_PROPERTY_STEPS: stepsFile } = process.env;
const stormMs = Number(process.env['LAMPLIGHTER_STORM_SECONDS'] ?? 0) * 1_000;
/** Of the short run. */
const PLAYS = 8;
const MOST_SHRINK_MS = 60_000;
const MARGIN_MS = 300_000;
const firstSeed = Number(seedText ?? Math.floor(Math.random() * 2 ** 31));
const plays = seedText === undefined ? PLAYS : 1;

let stage: TaskStage;
beforeAll(async () => {
  stage = await createTaskStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

const failWith = (what: string, { message, steps }: TaskFailure): never =>
  expect.fail(`${what}: ${message}, after these steps:\n${printTaskSteps(steps)}`);

test.runIf(stepsFile === undefined)(
  `callers, workers and the sessions of tasks see what the documentation says (from seed ${firstSeed})`,
  { timeout: stormMs + MARGIN_MS },
  async () => {
    const startedMs = performance.now();
    let count = 0;
    for (; count < plays || performance.now() - startedMs < stormMs; count += 1) {
      const failure = await runRandomTasks(stage, firstSeed + count);
      if (failure === undefined) continue;
      process.stdout.write(`seed ${firstSeed + count}: ${failure.message}; cutting it down\n`);
      failWith(`seed ${firstSeed + count}`, await shrinkTaskSteps(stage, failure, MOST_SHRINK_MS));
    }
    if (stormMs > 0) process.stdout.write(`${count} plays from seed ${firstSeed}\n`);
  },
);

test.runIf(stepsFile !== undefined)('the list of steps is taken again', { timeout: MARGIN_MS }, async () => {
  const steps: readonly TaskStep[] = JSON.parse(readFileSync(stepsFile ?? '', 'utf8'));
  const failure = await runTaskSteps(stage, steps);
  if (failure !== undefined) failWith('these steps', failure);
});
