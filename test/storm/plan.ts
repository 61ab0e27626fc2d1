import { createRandom } from '../properties/random.ts';

/** What can go wrong in a storm, and how often beside the others. */
export const FAULT_WEIGHTS = {
  'kill worker': 5,
  'freeze worker': 5,
  'stop worker': 2,
  'end sessions': 6,
  'hit statements': 12,
  'cut connections': 3,
  'lose notifications': 2,
  'lock rows': 7,
  'lock table': 2,
  'hold snapshot': 2,
  'commit late': 4,
  flood: 3,
  'pause function': 4,
  'cancel some': 5,
  'retry some': 5,
  'delete some': 3,
  prune: 2,
  'restart server': 1,
  'crash server': 2,
  'fail over': 2,
} as const;

/** What befalls tasks, and how often beside the others, where tasks are queued at all. */
export const TASK_FAULT_WEIGHTS = {
  'hit task statements': 14,
  'terminate tasks': 3,
  'kill backend': 1,
  'lock tasks': 3,
  'lock runs': 3,
  'cancel tasks': 6,
  'prune tasks': 2,
} as const;
/** How much more often a worker dies then: only that is what a bare text is not run again after. */
const TASK_DEATHS = 3;

export type FaultKind = keyof typeof FAULT_WEIGHTS;
export type TaskFaultKind = keyof typeof TASK_FAULT_WEIGHTS;

/** What strikes no worker that is left running, nor its way to the server: nothing excuses it for standing still then. */
export const BYSTANDER_FAULTS: readonly FaultKind[] = [
  'kill worker',
  'freeze worker',
  'stop worker',
  'lock rows',
  'hold snapshot',
  'commit late',
  'flood',
  'pause function',
  'cancel some',
  'retry some',
  'delete some',
  'prune',
];

export interface PlannedFault {
  readonly atMs: number;
  readonly kind: FaultKind | TaskFaultKind;
  /** How long it lasts, where it lasts. */
  readonly lastsMs: number;
  /** How many it strikes, where there are several. */
  readonly size: number;
  /** Decides whom it strikes. */
  readonly lot: number;
}

const LONGEST_MS = 3_500;

/** Before the end the answers to claims and to finishes are cut off, so that no later fault hides what that strands. */
const PARTING: readonly PlannedFault[] = [0, 1].map((lot) => ({
  atMs: -1_000,
  kind: 'hit statements',
  lastsMs: 1_000,
  size: 20,
  lot,
}));

export interface PlanOptions {
  /** Those that may strike, but for those of tasks. @default all */
  readonly kinds?: readonly FaultKind[];
  /** @default false */
  readonly hasTasks?: boolean;
}

/** The faults of a storm that lasts `seconds`, in order: the same for the same seed, and those of a shorter storm but for its last ones. */
export function planFaults(
  seed: number,
  seconds: number,
  { kinds, hasTasks = false }: PlanOptions = {},
): PlannedFault[] {
  const random = createRandom(seed);
  const weights: Record<string, number> = { ...FAULT_WEIGHTS, ...(hasTasks ? TASK_FAULT_WEIGHTS : {}) };
  if (hasTasks) weights['kill worker'] = TASK_DEATHS * FAULT_WEIGHTS['kill worker'];
  for (const kind of Object.keys(FAULT_WEIGHTS) as FaultKind[]) if (kinds?.includes(kind) === false) weights[kind] = 0; // keys of the above
  const faults: PlannedFault[] = [];
  for (let atMs = random.int(500); atMs < seconds * 1_000; atMs += 100 + random.int(700)) {
    const kind = (random.weighted(weights) ?? 'kill worker') as PlannedFault['kind']; // keys of the above
    faults.push({
      atMs,
      kind,
      lastsMs: 50 + random.int(LONGEST_MS),
      size: 1 + random.int(20),
      lot: random.int(2 ** 31),
    });
  }
  if (kinds !== undefined) return faults;
  const parting = PARTING.map((fault) => ({ ...fault, atMs: seconds * 1_000 + fault.atMs }));
  return [...faults, ...parting].sort((a, b) => a.atMs - b.atMs);
}
