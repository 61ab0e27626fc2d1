import { afterAll, beforeAll, expect, test } from 'vitest';
import { runVectorSteps } from './vector-interleaving.ts';
import { createVectorStage, type VectorStage } from './vector-stage.ts';
import type { Shape, VectorStep } from './vector-steps.ts';

/** Interleavings that went wrong once, cut down to what it took. */
let stage: VectorStage;
beforeAll(async () => {
  stage = await createVectorStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

const prepare: VectorStep = { do: 'prepare', by: 'one' };
const page = (limit = 9): VectorStep => ({ do: 'page', by: 'one', limit });
const write: VectorStep = { do: 'write', by: 'one', isAnswered: true };
const insert: VectorStep = { do: 'insert', by: 'ann', ids: [1, 2, 3, 4, 5, 6, 7, 8], text: 'one', hasVector: false };
/** What a pass finds is worked off, until one finds nothing. */
const passes = Array.from({ length: 4 }, () => [page(), write]).flat();

test.each<[string, Shape, VectorStep[]]>([
  [
    'a row that moves behind a pass over all rows, with a vector of the former model',
    'column',
    [
      insert,
      prepare,
      ...passes,
      { do: 'delete', by: 'ann', ids: [1] },
      { do: 'alter', what: 'vacuum' },
      { do: 'change model', model: 'm2' },
      prepare,
      page(1),
      { do: 'touch', by: 'bob', ids: [8] },
      write,
      ...passes,
    ],
  ],
  [
    'a batch of a pass that was given back, while another pass looks for rows without a vector',
    'documents',
    [
      insert,
      prepare,
      ...passes,
      { do: 'change model', model: 'm2' },
      prepare,
      page(),
      { do: 'release', by: 'one' },
      page(),
      page(),
    ],
  ],
  [
    'a text that failed and was blanked while the job was canceled',
    'column',
    [
      insert,
      prepare,
      ...passes,
      { do: 'update', by: 'ann', ids: [1], text: 'bad' },
      { do: 'claim', by: 'one', limit: 9, isFullLook: true },
      write,
      { do: 'cancel job' },
      { do: 'update', by: 'ann', ids: [1], text: ' ' },
    ],
  ],
])('%s', async (_, shape, steps) => {
  expect(await runVectorSteps(stage, shape, steps)).toBeUndefined();
});
