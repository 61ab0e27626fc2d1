import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFECTS, makeDefect } from './defects.ts';
import { type Effort, type Failure, runRandom, runSteps } from './interleaving.ts';
import { createStage, type Stage } from './stage.ts';

/** That the comparison of `interleavings.test.ts` bites: each of these defects is made in the SQL of a database, and has to be noticed. */
const isStorm = Number(process.env['LAMPLIGHTER_STORM_SECONDS'] ?? 0) > 0;
/** Plays in which a random search has to find each of them. */
const MOST_PLAYS = 200;

let stage: Stage;
beforeAll(async () => {
  stage = await createStage({ patienceMs: 500 });
});
afterAll(() => stage[Symbol.asyncDispose]());

const noEffort = (): Effort => ({ plays: 0, steps: 0 });

test.each(DEFECTS)('$name: noticed', async (defect) => {
  const play = () => runSteps(stage, defect.noticedBy, true, noEffort());
  const mend = await makeDefect(stage.admin.db, defect);
  let failure: Failure | undefined;
  try {
    failure = await play();
  } finally {
    await mend();
  }
  expect(failure?.message).toContain(defect.says);
  expect(await play()).toBeUndefined();
});

test.runIf(isStorm).each(DEFECTS)('$name: found by chance', { timeout: 1_200_000 }, async (defect) => {
  const mend = await makeDefect(stage.admin.db, defect);
  try {
    const effort = noEffort();
    const seed = Math.floor(Math.random() * 2 ** 31);
    let failure: Failure | undefined;
    while (failure === undefined && effort.plays < MOST_PLAYS) {
      failure = await runRandom(stage, seed + effort.plays, effort);
    }
    process.stdout.write(
      `${defect.name}: ${failure === undefined ? 'not found' : failure.message} (${effort.plays} plays)\n`,
    );
    expect(failure).toBeDefined();
  } finally {
    await mend();
  }
});
