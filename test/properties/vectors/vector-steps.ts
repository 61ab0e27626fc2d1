/** What happens in an interleaving of writers of an embedded table, of DDL on it, and of daemons; rows go by their keys. */
export type VectorStep = WriterStep | TableStep | DaemonStep;

export type WriterStep =
  | { readonly do: 'begin'; readonly by: WriterName; readonly isolation: 'read committed' | 'repeatable read' }
  | { readonly do: 'commit' | 'rollback' | 'savepoint' | 'rollback to savepoint'; readonly by: WriterName }
  /** All of them in one statement; `vector` is one of their own, of no text. */
  | {
      readonly do: 'insert';
      readonly by: WriterName;
      readonly ids: readonly number[];
      readonly text: string | null;
      readonly hasVector: boolean;
    }
  | { readonly do: 'update'; readonly by: WriterName; readonly ids: readonly number[]; readonly text: string | null }
  /** Another column, which may move the rows; a lock only; no row any more; no vector any more. */
  | {
      readonly do: 'touch' | 'lock' | 'delete' | 'forget vectors';
      readonly by: WriterName;
      readonly ids: readonly number[];
    }
  | { readonly do: 'rekey'; readonly by: WriterName; readonly id: number; readonly to: number };

export type TableStep =
  | { readonly do: 'alter'; readonly what: Alteration }
  /** Triggers of users, ours among them. */
  | { readonly do: 'disable triggers' | 'enable triggers' }
  /** What the job row says. */
  | { readonly do: 'change model'; readonly model: string }
  | { readonly do: 'cancel job' };

export type DaemonStep =
  | { readonly do: 'prepare' | 'rescue' | 'bury'; readonly by: DaemonName }
  | { readonly do: 'claim'; readonly by: DaemonName; readonly limit: number; readonly isFullLook: boolean }
  /** A page of a pass, or the begin of one, where one is due. */
  | { readonly do: 'page'; readonly by: DaemonName; readonly limit: number }
  /** The oldest of its batches; `late`: the oldest of those that it held when it was buried. */
  | { readonly do: 'write' | 'write late'; readonly by: DaemonName; readonly isAnswered: boolean }
  | { readonly do: 'release'; readonly by: DaemonName }
  /** All that waits for its next try is due. */
  | { readonly do: 'wait' }
  /** The next full pass is due. */
  | { readonly do: 'wait for an hour' };

export const ALTERATIONS = [
  'rename source',
  'retype source',
  'replace source',
  'retype key',
  'replace destination',
  'replace table',
  'add column',
  'drop column',
  'truncate',
  'vacuum',
  'vacuum full',
] as const;
export type Alteration = (typeof ALTERATIONS)[number];

export const WRITERS = ['ann', 'bob'] as const;
export type WriterName = (typeof WRITERS)[number];
export const DAEMONS = ['one', 'two'] as const;
export type DaemonName = (typeof DAEMONS)[number];
/** Where the vectors are: beside the text, in a partitioned table, or in a table of chunks. */
export const SHAPES = ['column', 'partitioned', 'documents'] as const;
export type Shape = (typeof SHAPES)[number];
export const IDS = [1, 2, 3, 4, 5, 6, 7, 8] as const;

/** One line for each step, a valid JSON array as a whole. */
export function printVectorSteps(steps: readonly VectorStep[]): string {
  return `[\n${steps.map((step) => `  ${JSON.stringify(step)}`).join(',\n')}\n]`;
}
