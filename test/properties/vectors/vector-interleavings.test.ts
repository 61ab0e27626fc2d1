import { readFileSync } from 'node:fs';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runRandomVectors, runVectorSteps, shrinkVectorSteps, type VectorFailure } from './vector-interleaving.ts';
import { createVectorStage, type VectorStage } from './vector-stage.ts';
import { printVectorSteps, type Shape, type VectorStep } from './vector-steps.ts';

/**
 * Random interleavings of writers, some with transactions left open, of DDL on the table and changes of the job, and of two daemons that claim,
 * make passes, write, die and come back too late. After each step every row that lacks its vector has to wait somewhere, and no vector may
 * stand beside another text than it was made of. In the end all is brought to rest: nothing missing, nothing stale. The variables are those of
 * `../interleavings.test.ts`; a list of steps has its shape in LAMPLIGHTER_PROPERTY_SHAPE.
 */
const { LAMPLIGHTER_PROPERTY_SEED: seedText, LAMPLIGHTER_PROPERTY_STEPS: stepsFile } = process.env;
const stormMs = Number(process.env['LAMPLIGHTER_STORM_SECONDS'] ?? 0) * 1_000;
/** Of the short run. */
const PLAYS = 6;
const MOST_SHRINK_MS = 60_000;
const MARGIN_MS = 300_000;
const firstSeed = Number(seedText ?? Math.floor(Math.random() * 2 ** 31));
const plays = seedText === undefined ? PLAYS : 1;

let stage: VectorStage;
beforeAll(async () => {
  stage = await createVectorStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

const failWith = (what: string, { message, steps, shape }: VectorFailure): never =>
  expect.fail(`${what} (${shape}): ${message}, after these steps:\n${printVectorSteps(steps)}`);

test.runIf(stepsFile === undefined)(
  `no interleaving of writers, DDL and daemons loses a vector or leaves a stale one (from seed ${firstSeed})`,
  { timeout: stormMs + MARGIN_MS },
  async () => {
    const startedMs = performance.now();
    let count = 0;
    for (; count < plays || performance.now() - startedMs < stormMs; count += 1) {
      const failure = await runRandomVectors(stage, firstSeed + count);
      if (failure === undefined) continue;
      process.stdout.write(`seed ${firstSeed + count}: ${failure.message}; cutting it down\n`);
      failWith(`seed ${firstSeed + count}`, await shrinkVectorSteps(stage, failure, MOST_SHRINK_MS));
    }
    if (stormMs > 0) process.stdout.write(`${count} plays from seed ${firstSeed}\n`);
  },
);

test.runIf(stepsFile !== undefined)('the list of steps is taken again', { timeout: MARGIN_MS }, async () => {
  const steps: readonly VectorStep[] = JSON.parse(readFileSync(stepsFile ?? '', 'utf8'));
  const shape: Shape = (process.env['LAMPLIGHTER_PROPERTY_SHAPE'] ?? 'column') as Shape; // a name from SHAPES
  const failure = await runVectorSteps(stage, shape, steps);
  if (failure !== undefined) failWith('these steps', failure);
});
