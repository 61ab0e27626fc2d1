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

const claimOf = (limit: number): Step => ({
  do: 'claim',
  by: 'work1',
  functionName: 'embed',
  model: 'default',
  limit,
  looks: true,
});
const claim = claimOf(5);
const enqueue = (as: string, by = 'alice1'): Step => ({ do: 'enqueue', as, by, functionName: 'embed', priority: 0 });

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

test('a worker whose renewal is rolled back is as silent as before', async () => {
  expect(
    await failureOf([
      { do: 'register', by: 'work1', as: 'w1' },
      enqueue('r1'),
      claim,
      { do: 'fall silent', worker: 'w1' },
      { do: 'begin', by: 'work2', isolation: 'read committed' },
      { do: 'renew', by: 'work2', worker: 'w1', status: 'running' },
      { do: 'rollback', by: 'work2' },
      { do: 'rescue', by: 'work3' },
    ]),
  ).toBeUndefined();
});

test('a role is not passed over where the roles before it leave one by one', async () => {
  expect(
    await failureOf([
      { do: 'register', by: 'work1', as: 'w1' },
      enqueue('r1', 'alice1'),
      enqueue('r2', 'bob1'),
      enqueue('r3', 'carol1'),
      claimOf(1),
      claimOf(1),
      claimOf(1),
    ]),
  ).toBeUndefined();
});

test('what is left of a claim goes to one role each, however it divides', async () => {
  const roles = ['alice1', 'bob1', 'carol1'];
  const queued = roles.flatMap((by, at) => [1, 2, 3, 4].map((n) => enqueue(`r${at * 4 + n}`, by)));
  for (const limit of [2, 4, 5, 7, 8]) {
    const steps = [{ do: 'register', by: 'work1', as: 'w1' } as const, ...queued, claimOf(limit), claimOf(limit)];
    expect(await failureOf(steps)).toBeUndefined();
  }
});
