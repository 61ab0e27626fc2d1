/** What happens in an interleaving of callers, workers and the sessions that run tasks; tasks go by labels. */
export type TaskStep =
  | { readonly do: 'begin' | 'commit' | 'rollback'; readonly by: CallerName }
  | { readonly do: 'queue'; readonly by: CallerName; readonly as: string }
  | { readonly do: 'cancel' | 'delete'; readonly by: CallerName; readonly task: string }
  | { readonly do: 'cancel all'; readonly by: CallerName }
  | { readonly do: 'claim'; readonly by: WorkerName; readonly limit: number }
  /** Opens a session for the attempt, and notes it. */
  | { readonly do: 'open'; readonly task: string }
  /** In that session: BEGIN and the outcome. */
  | { readonly do: 'record'; readonly task: string }
  | { readonly do: 'mark bare'; readonly task: string }
  /** One of the text's statements takes effect. */
  | { readonly do: 'take effect'; readonly task: string }
  | { readonly do: 'end text'; readonly task: string; readonly how: 'commit' | 'rollback' }
  /** Its connection is gone. */
  | { readonly do: 'lose session'; readonly task: string }
  | { readonly do: 'finish'; readonly task: string; readonly verdict: 'succeeded' | 'failed' }
  | { readonly do: 'release'; readonly task: string; readonly isCharged: boolean }
  | { readonly do: 'rescue' | 'rescue cancelled' | 'settle strays'; readonly by: WorkerName }
  | { readonly do: 'prune'; readonly limit: number }
  /** It is found dead, and another one starts in its place. */
  | { readonly do: 'bury'; readonly worker: WorkerName };

/** Sessions of two roles. */
export const CALLERS = ['ann1', 'ann2', 'bob1'] as const;
export type CallerName = (typeof CALLERS)[number];
export const WORKERS = ['work1', 'work2'] as const;
export type WorkerName = (typeof WORKERS)[number];
export type RoleName = 'ann' | 'bob';
export const roleOf = (name: CallerName): RoleName => (name === 'bob1' ? 'bob' : 'ann');

/** One line for each step, a valid JSON array as a whole. */
export function printTaskSteps(steps: readonly TaskStep[]): string {
  return `[\n${steps.map((step) => `  ${JSON.stringify(step)}`).join(',\n')}\n]`;
}
