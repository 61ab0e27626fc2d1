/**
 * Texts whose effects and verdict are known beforehand. Each begins by telling that it has started, takes effect in step 1, rests, and takes
 * effect in step 2, as far as it gets.
 */

interface TextKind {
  text(key: string, seconds: number): string;
  /** It runs outside of a transaction: at most once, and what it has done before it fails stays. */
  readonly isBare: boolean;
  /** How it ends where nothing else befalls it; absent for one that ends only when it is broken off. */
  readonly verdict: 'succeeded' | 'failed' | undefined;
  /** Of one that fails. */
  readonly error?: RegExp;
  /** How often one attempt may start: what turns out to need no transaction has begun in one. */
  readonly startsPerAttempt?: number;
}

const start = (key: string) => `select history.start_task('${key}')`;
const effect = (key: string, step: number) => `select history.add_effect('${key}', ${step})`;
const rest = (seconds: number) => `select pg_sleep(${seconds})`;
const BY_ZERO = /^ERROR: {2}division by zero\n$/;
/**
 * In a procedure it has a context. A termination is sent to the whole group of a backend, and may strike the program first by which the
 * text tells that it has started.
 */
const TERMINATED =
  /^(FATAL: {2}terminating connection due to administrator command\n|ERROR: {2}program "cat >> .*" failed\nDETAIL: {2}child process was terminated by signal 15: Terminated\n)(CONTEXT: {2}[\s\S]*\n)?$/;

export const TASK_TEXTS = {
  wrapped: {
    text: (key, seconds) => [start(key), effect(key, 1), rest(seconds), effect(key, 2)].join('; '),
    isBare: false,
    verdict: 'succeeded',
  },
  'with its own COMMIT': {
    text: (key, seconds) => ['begin', start(key), effect(key, 1), rest(seconds), effect(key, 2), 'commit'].join('; '),
    isBare: false,
    verdict: 'succeeded',
  },
  bare: {
    text: (key, seconds) => [start(key), effect(key, 1), 'commit', rest(seconds), effect(key, 2)].join('; '),
    isBare: true,
    verdict: 'succeeded',
  },
  'found to be bare': {
    text: (key, seconds) => `set lock_timeout = 0; call history.add_both('${key}', ${seconds})`,
    isBare: true,
    verdict: 'succeeded',
    startsPerAttempt: 2,
  },
  failing: {
    text: (key) => [start(key), effect(key, 1), 'select 1 / 0', effect(key, 2)].join('; '),
    isBare: false,
    verdict: 'failed',
    error: BY_ZERO,
  },
  'failing at its COMMIT': {
    text: (key) => [start(key), effect(key, 1), 'insert into history.child values (1)', effect(key, 2)].join('; '),
    isBare: false,
    verdict: 'failed',
    error: /^ERROR: {2}insert or update on table "child" violates foreign key constraint/,
  },
  'bare and failing': {
    text: (key, seconds) => [start(key), effect(key, 1), 'commit', rest(seconds), 'select 1 / 0'].join('; '),
    isBare: true,
    verdict: 'failed',
    error: BY_ZERO,
  },
  'ending its session': {
    text: (key) => [start(key), effect(key, 1), 'select pg_terminate_backend(pg_backend_pid())'].join('; '),
    isBare: false,
    verdict: 'failed',
    error: TERMINATED,
  },
  endless: {
    text: (key) => [start(key), effect(key, 1), rest(600), effect(key, 2)].join('; '),
    isBare: false,
    verdict: undefined,
  },
  'endless and bare': {
    text: (key) => [start(key), effect(key, 1), 'commit', rest(600), effect(key, 2)].join('; '),
    isBare: true,
    verdict: undefined,
  },
} as const satisfies Readonly<Record<string, TextKind>>;

export type TaskTextName = keyof typeof TASK_TEXTS;

export const taskText = (name: TaskTextName): TextKind => TASK_TEXTS[name];

/** Both steps, once. */
const ALL: readonly number[] = [1, 2];

/** Whether these may be the effects of such a text once it has that verdict. */
export function fitsVerdict(name: TaskTextName, verdict: string, steps: readonly number[]): boolean {
  const { isBare } = taskText(name);
  const isAll = steps.join() === ALL.join();
  if (verdict === 'succeeded') return isAll;
  if (!isBare) return steps.length === 0;
  return steps.length === 0 || steps.join() === '1' || isAll;
}

const LOST_EACH_TIME = 'the worker or the server was lost each time the task ran, and it is not run again';
const LOST_BARE = 'worker lost while running a statement that cannot be retried';

/** Whether such a text may have ended like that, by itself or by what befell its worker, its session or its server. */
export function isPossibleEnd(
  name: TaskTextName,
  { state, errorMessage, charge }: { state: string; errorMessage: string | null; charge: number },
): boolean {
  const { verdict, error, isBare } = taskText(name);
  if (state === 'canceled') return errorMessage === 'Canceled by user';
  if (state === 'succeeded') return verdict === 'succeeded' && errorMessage === null;
  if (errorMessage === null) return false;
  if (verdict === 'failed' && error?.test(errorMessage) === true) return true;
  if (TERMINATED.test(errorMessage)) return true;
  return errorMessage === LOST_EACH_TIME ? charge >= 3 : isBare && errorMessage === LOST_BARE;
}
