import type { Random } from '../random.ts';
import { isUnfinished, type ModelTask, type TaskModel } from './task-model.ts';
import { CALLERS, type CallerName, type TaskStep, WORKERS, type WorkerName } from './task-steps.ts';

/** How often each is tried; what makes no sense at that moment is passed over. */
const WEIGHTS = {
  begin: 3,
  commit: 6,
  rollback: 2,
  queue: 9,
  cancel: 5,
  'cancel all': 0.4,
  delete: 1.5,
  claim: 9,
  open: 10,
  record: 9,
  'mark bare': 4,
  'take effect': 9,
  'end text': 9,
  'lose session': 7,
  finish: 9,
  release: 4,
  rescue: 4,
  'rescue cancelled': 2,
  'settle strays': 1,
  prune: 0.7,
  bury: 1.5,
} as const satisfies Readonly<Record<TaskStep['do'], number>>;

/** One that may make sense. */
export function randomTaskStep(model: TaskModel, random: Random, label: string): TaskStep {
  const by: CallerName = random.pick(CALLERS) ?? 'ann1';
  const worker: WorkerName = random.pick(WORKERS) ?? 'work1';
  const kind = random.weighted(WEIGHTS) ?? 'queue';
  const task = () => pickTask(model, random, kind)?.label ?? 'none';
  switch (kind) {
    case 'begin':
    case 'commit':
    case 'rollback':
    case 'cancel all':
      return { do: kind, by };
    case 'queue':
      return { do: kind, by, as: label };
    case 'cancel':
    case 'delete':
      return { do: kind, by, task: task() };
    case 'claim':
      return { do: kind, by: worker, limit: 1 + random.int(3) };
    case 'end text':
      return { do: kind, task: task(), how: random.chance(0.7) ? 'commit' : 'rollback' };
    case 'finish':
      return { do: kind, task: task(), verdict: random.chance(0.6) ? 'succeeded' : 'failed' };
    case 'release':
      return { do: kind, task: task(), isCharged: random.chance(0.7) };
    case 'rescue':
    case 'rescue cancelled':
    case 'settle strays':
      return { do: kind, by: worker };
    case 'prune':
      return { do: kind, limit: 1 + random.int(3) };
    case 'bury':
      return { do: kind, worker };
    case 'open':
    case 'record':
    case 'mark bare':
    case 'take effect':
    case 'lose session':
      return { do: kind, task: task() };
  }
}

/** Where a step is about what runs, mostly one that does, and now and then one that did. */
function pickTask({ tasks }: TaskModel, random: Random, kind: TaskStep['do']): ModelTask | undefined {
  const all = [...tasks.values()];
  if (kind === 'delete') return random.pick(all.filter((task) => !isUnfinished(task)));
  if (kind === 'cancel') return random.pick(all.slice(-6));
  const live = all.filter(({ session, state }) => session?.isOpen === true || state === 'running');
  return random.pick(live) ?? random.pick(all);
}
