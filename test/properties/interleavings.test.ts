import { readFileSync } from 'node:fs';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Effort, type Failure, runRandom, runSteps } from './interleaving.ts';
import { shrinkSteps } from './shrink-steps.ts';
import { createStage, type Stage } from './stage.ts';
import { printSteps, type Step } from './steps.ts';

/**
 * Random interleavings of callers and workers, each in a session of its own, many of them with transactions left open, against the real SQL:
 * after each step all that anybody can see is compared with a small model made from the documentation (`request-life.ts`,
 * `caller-verdicts.ts`, `worker-verdicts.ts`, `claim-rules.ts`). In the end everything is finished, so that nothing was stuck or forgotten.
 *
 * A failure prints its seed and the least list of steps that still fails. To take it again, with
 * `npx vitest run test/properties/interleavings.test.ts`:
 *
 * - `LAMPLIGHTER_PROPERTY_SEED=<seed>`: that play, cut down anew.
 * - `LAMPLIGHTER_PROPERTY_STEPS=<file>`: the printed list (a JSON array), exactly as it stands.
 * - `LAMPLIGHTER_STORM_SECONDS=<seconds>`: new seeds until the time is used; says how many.
 */
const { LAMPLIGHTER_PROPERTY_SEED: seedText, LAMPLIGHTER_PROPERTY_STEPS: stepsFile } = process.env;
const stormMs = Number(process.env['LAMPLIGHTER_STORM_SECONDS'] ?? 0) * 1_000;
/** Plays of the short run: some 20 s on two busy cores, 8 s on idle ones. */
const PLAYS = 25;
const MOST_SHRINK_MS = 60_000;
/** For the last play and for cutting a failure down. */
const MARGIN_MS = 300_000;

const firstSeed = Number(seedText ?? Math.floor(Math.random() * 2 ** 31));
const plays = seedText === undefined ? PLAYS : 1;

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

function failWith(what: string, { message, steps, isAtEnd }: Failure): never {
  const when = isAtEnd ? 'when all was to be finished after these steps' : 'in the last of these steps';
  return expect.fail(`${what}: ${message}, ${when}:\n${printSteps(steps)}`);
}

async function runSeed(seed: number, effort: Effort): Promise<void> {
  const failure = await runRandom(stage, seed, effort);
  if (failure === undefined) return;
  process.stdout.write(`seed ${seed}: ${failure.message}; cutting it down\n`);
  failWith(`seed ${seed}`, await shrinkSteps(stage, failure, MOST_SHRINK_MS, effort));
}

test.runIf(stepsFile === undefined)(
  `callers and workers see what the documentation says, in whatever order they act (from seed ${firstSeed})`,
  { timeout: stormMs + MARGIN_MS },
  async () => {
    const effort: Effort = { plays: 0, steps: 0 };
    const startedMs = performance.now();
    for (let count = 0; count < plays || performance.now() - startedMs < stormMs; count += 1) {
      await runSeed(firstSeed + count, effort);
    }
    if (stormMs > 0) process.stdout.write(`${effort.plays} plays of ${effort.steps} steps from seed ${firstSeed}\n`);
  },
);

test.runIf(stepsFile !== undefined)('the list of steps is taken again', { timeout: MARGIN_MS }, async () => {
  const steps: readonly Step[] = JSON.parse(readFileSync(stepsFile ?? '', 'utf8'));
  const failure = await runSteps(stage, steps, true, { plays: 0, steps: 0 });
  if (failure !== undefined) failWith('these steps', failure);
});
