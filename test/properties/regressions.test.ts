import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSteps } from './interleaving.ts';
import { createStage, type Stage } from './stage.ts';
import type { Step } from './steps.ts';

/** Interleavings in which the database once did something else than documented. */
let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

async function failureOf(steps: readonly Step[]): Promise<string | undefined> {
  return (await runSteps(stage, steps, true, { plays: 0, steps: 0 }))?.message;
}

const claim: Step = { do: 'claim', by: 'work1', functionName: 'embed', model: 'default', limit: 5, looks: true };
const enqueue = (as: string): Step => ({ do: 'enqueue', as, by: 'alice1', functionName: 'embed', priority: 0 });

test('a claim that commits after its worker was found dead with another request is not charged', async () => {
  expect(
    await failureOf([
      { do: 'register', by: 'work1', as: 'w1' },
      enqueue('r1'),
      claim,
      enqueue('r2'),
      { do: 'begin', by: 'work1', isolation: 'read committed' },
      claim,
      { do: 'fall silent', worker: 'w1' },
      { do: 'rescue', by: 'work2' },
      { do: 'commit', by: 'work1' },
      { do: 'rescue', by: 'work2' },
    ]),
  ).toBeUndefined();
});
