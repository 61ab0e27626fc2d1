import { expect, test } from 'vitest';
import { checkVectors, type VectorCheck, type VectorRule } from './check-vectors.ts';
import type { JobChange, RowState, VectorChange, VectorJournal } from './vector-journal.ts';

const vectorOf = (text: string, model: string) => Float32Array.of(text.length, model.length, text.charCodeAt(0));
const vector = (text: string, model = 'm') => [...vectorOf(text, model)];
const row = (body: string | null, embedding: readonly number[] | null = null, rest: RowState = {}): RowState => ({
  ident: 1,
  body,
  embedding,
  ...rest,
});
const JOB: Omit<JobChange, 'seq'> = {
  table: 't',
  model: 'm',
  srcColumn: 'body',
  dstColumn: 'embedding',
  isWanted: true,
};

type Step =
  | { readonly by: 'user' | 'daemon'; readonly to: RowState | undefined }
  | { readonly job: Partial<Omit<JobChange, 'seq'>> };

/** A history of one row that was inserted without a vector, and of its job. */
function history(steps: readonly Step[], now?: RowState | null): Pick<VectorCheck, 'journal' | 'tables'> {
  const changes: VectorChange[] = [];
  const jobs: JobChange[] = [{ seq: 0, ...JOB }];
  let last: RowState | undefined;
  for (const [at, step] of [{ by: 'user', to: row('one') } as const, ...steps].entries()) {
    const seq = at + 1;
    if ('job' in step) jobs.push({ seq, ...JOB, ...step.job });
    else {
      changes.push({ seq, table: 't', ident: 1, isDaemon: step.by === 'daemon', before: last, after: step.to });
      last = step.to;
    }
  }
  const found = now === undefined ? last : (now ?? undefined);
  const journal: VectorJournal = { changes, jobs };
  return { journal, tables: new Map([['t', found === undefined ? [] : [found]]]) };
}

const rulesOf = (check: Pick<VectorCheck, 'journal' | 'tables'>, more: Partial<VectorCheck> = {}) =>
  checkVectors({ vectorOf, isBad: (text) => text === 'bad', ...check, ...more }).map(({ rule }) => rule);

test('a row that is embedded, changed, embedded again, blanked and deleted breaks nothing', () => {
  const steps: Step[] = [
    { by: 'daemon', to: row('one', vector('one')) },
    { by: 'user', to: row('second', vector('one')) },
    { by: 'daemon', to: row('second', vector('second')) },
    { by: 'user', to: row(null, vector('second')) },
    { by: 'daemon', to: row(null) },
    { by: 'user', to: row('bad') },
    { by: 'user', to: row('second', null, { added: 'column' }) },
    { job: { model: 'other' } },
    { by: 'daemon', to: row('second', vector('second', 'other'), { added: 'column' }) },
  ];
  expect(rulesOf(history(steps), { told: ['one', 'second'] })).toEqual([]);
  expect(rulesOf(history([...steps, { by: 'user', to: undefined }]))).toEqual([]);
});

test.each<[VectorRule, string, Step[], (RowState | null)?]>([
  [
    'wrong-vector',
    'the vector of a former text',
    [
      { by: 'user', to: row('second') },
      { by: 'daemon', to: row('second', vector('one')) },
      { by: 'daemon', to: row('second', vector('second')) },
    ],
  ],
  [
    'wrong-vector',
    'the vector of the former model',
    [
      { job: { model: 'other' } },
      { by: 'daemon', to: row('one', vector('one')) },
      { by: 'daemon', to: row('one', vector('one', 'other')) },
    ],
  ],
  [
    'unwanted',
    'a write after the cancel',
    [{ job: { isWanted: false } }, { by: 'daemon', to: row('one', vector('one')) }],
  ],
  [
    'touched',
    'a write that sets the text back',
    [
      { by: 'user', to: row('second') },
      { by: 'daemon', to: row('one', vector('one')) },
    ],
  ],
  [
    'taken',
    'a vector that is taken away',
    [
      { by: 'daemon', to: row('one', vector('one')) },
      { by: 'daemon', to: row('one') },
      { by: 'daemon', to: row('one', vector('one')) },
    ],
  ],
  ['missing', 'no vector in the end', []],
  [
    'stale',
    'a change that nobody saw',
    [
      { by: 'daemon', to: row('one', vector('one')) },
      { by: 'user', to: row('second', vector('one')) },
    ],
  ],
  [
    'stale',
    'a model that nobody heeded',
    [{ by: 'daemon', to: row('one', vector('one')) }, { job: { model: 'other' } }],
  ],
  [
    'left',
    'a vector beside no text',
    [
      { by: 'daemon', to: row('one', vector('one')) },
      { by: 'user', to: row(' \n', vector('one')) },
    ],
  ],
  [
    'left',
    'the former vector beside a text that cannot be embedded',
    [
      { by: 'daemon', to: row('one', vector('one')) },
      { by: 'user', to: row('bad', vector('one')) },
    ],
  ],
  ['continuity', 'a row that is gone', [{ by: 'daemon', to: row('one', vector('one')) }], null],
  [
    'continuity',
    'a change that is lost',
    [{ by: 'daemon', to: row('one', vector('one')) }],
    row('once', vector('once')),
  ],
])('%s: %s is noticed', (rule, _, steps, now) => {
  const check = history(steps, now);
  expect(rulesOf(check)).toContain(rule);
  expect(new Set(rulesOf(check)).size).toBe(1);
});

test('a column that DDL added with a default, or took away, is no change of a row', () => {
  const steps: Step[] = [{ by: 'daemon', to: row('one', vector('one')) }];
  expect(rulesOf(history(steps, row('one', vector('one'), { extra: 7 })))).toEqual([]);
  const added: Step[] = [{ by: 'user', to: row('one', null, { extra: 7 }) }];
  expect(rulesOf(history([...added, ...steps]))).toEqual(['touched']);
  expect(
    rulesOf(history([...added, { by: 'user', to: row('one', vector('one')) }], row('one', vector('one')))),
  ).toEqual([]);
});

test('told: a text that was acknowledged and never stood anywhere is noticed', () => {
  const check = history([{ by: 'daemon', to: row('one', vector('one')) }]);
  expect(rulesOf(check, { told: ['one', 'lost'] })).toEqual(['told']);
});

test('nothing is said about the end while faults rage', () => {
  expect(rulesOf(history([]), { isAtRest: false })).toEqual([]);
});
