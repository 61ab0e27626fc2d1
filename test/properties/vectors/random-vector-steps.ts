import type { Random } from '../random.ts';
import { ALTERATIONS, DAEMONS, IDS, type VectorStep, WRITERS } from './vector-steps.ts';

/** How often each is tried; what makes no sense at that moment is passed over. */
const WEIGHTS = {
  begin: 2,
  commit: 4,
  rollback: 1,
  savepoint: 1,
  'rollback to savepoint': 1,
  insert: 8,
  update: 8,
  touch: 4,
  lock: 1,
  delete: 3,
  'forget vectors': 0.4,
  rekey: 3,
  alter: 2,
  'disable triggers': 0.3,
  'enable triggers': 1,
  'change model': 0.8,
  'cancel job': 0.3,
  prepare: 5,
  claim: 10,
  page: 10,
  write: 16,
  'write late': 2,
  release: 1,
  rescue: 2,
  bury: 1,
  wait: 3,
  'wait for an hour': 0.5,
} as const satisfies Readonly<Record<VectorStep['do'], number>>;

/** Some come again: a vector of one text may be taken for that of another, and some cannot be embedded. */
const TEXTS = ['one', 'two', 'one\ntwo', 'two\none\nthree', 'bad', 'two\nbad', ' \n', null] as const;

/** One that may make sense. */
export function randomVectorStep(random: Random, serial: number): VectorStep {
  const by = random.pick(WRITERS) ?? 'ann';
  const daemon = random.pick(DAEMONS) ?? 'one';
  const kind = random.weighted(WEIGHTS) ?? 'claim';
  const id = () => random.pick(IDS) ?? 1;
  const ids = () => [...new Set(Array.from({ length: 1 + random.int(4) }, id))];
  const text = () => (random.chance(0.5) ? `text ${serial}` : (random.pick(TEXTS) ?? null));
  switch (kind) {
    case 'begin':
      return { do: kind, by, isolation: random.chance(0.7) ? 'read committed' : 'repeatable read' };
    case 'commit':
    case 'rollback':
    case 'savepoint':
    case 'rollback to savepoint':
      return { do: kind, by };
    case 'insert':
      return { do: kind, by, ids: ids(), text: text(), hasVector: random.chance(0.1) };
    case 'update':
      return { do: kind, by, ids: ids(), text: text() };
    case 'touch':
    case 'lock':
    case 'delete':
    case 'forget vectors':
      return { do: kind, by, ids: ids() };
    case 'rekey':
      return { do: kind, by, id: id(), to: id() };
    case 'alter':
      return { do: kind, what: random.pick(ALTERATIONS) ?? 'vacuum' };
    case 'disable triggers':
    case 'enable triggers':
    case 'cancel job':
    case 'wait':
    case 'wait for an hour':
      return { do: kind };
    case 'change model':
      return { do: kind, model: `m${1 + random.int(3)}` };
    case 'claim':
      return { do: kind, by: daemon, limit: 1 + random.int(6), isFullLook: random.chance(0.5) };
    case 'page':
      return { do: kind, by: daemon, limit: 1 + random.int(4) };
    case 'write':
    case 'write late':
      return { do: kind, by: daemon, isAnswered: random.chance(0.85) };
    case 'prepare':
    case 'release':
    case 'rescue':
    case 'bury':
      return { do: kind, by: daemon };
  }
}
