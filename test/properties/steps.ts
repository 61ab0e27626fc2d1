import type { RequestFunction } from '../../src/core/request-functions.ts';
import type { Status } from './request-life.ts';

interface New {
  readonly by: string;
  readonly functionName: RequestFunction;
  readonly priority: number;
  readonly model?: string;
}

interface OnRequest {
  readonly by: string;
  readonly request: string;
  /** Wait for whoever has the row locked, while others go on, instead of giving up at once. */
  readonly waits?: true;
}

/** What a caller does in its session; requests go by labels, so that a step means the same whatever stood before it. */
export type CallerStep =
  | ({ readonly do: 'enqueue' | 'insert'; readonly as: string } & New)
  | ({ readonly do: 'enqueue batch'; readonly as: readonly string[] } & New)
  | ({ readonly do: 'cancel' | 'retry'; readonly form: 'function' | 'update' } & OnRequest)
  | ({ readonly do: 'set status'; readonly status: Status; readonly retryCount?: number } & OnRequest)
  | ({ readonly do: 'set retry_count'; readonly retryCount: number } & OnRequest)
  | ({ readonly do: 'delete' } & OnRequest)
  | { readonly do: 'cancel batch'; readonly by: string; readonly request: string }
  | { readonly do: 'delete ended'; readonly by: string }
  | { readonly do: 'prune'; readonly by: string; readonly age: '0' | '1 day' }
  | { readonly do: 'check'; readonly by: string; readonly requests: readonly string[] }
  | { readonly do: 'result'; readonly by: string; readonly request: string };

/** What a worker does. A claim is named by its request and attempt: `r7#2`. */
export type WorkerStep =
  | { readonly do: 'register'; readonly by: string; readonly as: string }
  | {
      readonly do: 'claim';
      readonly by: string;
      readonly functionName: RequestFunction;
      readonly model: string;
      readonly limit: number;
      /** False: go on with what the last look found, as workers do between two looks. */
      readonly looks: boolean;
    }
  | { readonly do: 'claim quarantined'; readonly by: string }
  | {
      readonly do: 'finish';
      readonly by: string;
      readonly worker: string;
      readonly claims: readonly string[];
      readonly outcome: 'completed' | 'failed' | 'retry' | 'defer' | 'release';
      /** Goes into results and errors, so that one answer can be told from another. */
      readonly tag: number;
      readonly isLong?: boolean;
    }
  | { readonly do: 'list lost'; readonly by: string; readonly worker: string; readonly claims: readonly string[] }
  | { readonly do: 'rescue' | 'promote'; readonly by: string }
  | { readonly do: 'prune old'; readonly by: string; readonly limit: number }
  | {
      readonly do: 'renew';
      readonly by: string;
      readonly worker: string;
      readonly status: 'running' | 'stopping' | 'stopped';
    };

/** What happens to a session. */
export type SessionStep =
  | { readonly do: 'begin'; readonly by: string; readonly isolation: 'read committed' | 'repeatable read' }
  | { readonly do: 'commit' | 'rollback'; readonly by: string }
  /** Its connection is lost, whatever it is doing. */
  | { readonly do: 'cut'; readonly by: string };

/** What happens besides. */
export type OutsideStep =
  | { readonly do: 'fall silent'; readonly worker: string }
  /** Long delays are over. */
  | { readonly do: 'time passes' }
  | { readonly do: 'pause' | 'resume'; readonly functionName: RequestFunction };

/** One step of an interleaving: plain data, so that a failing list can be printed, cut down and run again. */
export type Step = CallerStep | WorkerStep | SessionStep | OutsideStep;

/** One line for each step, readable and a valid JSON array as a whole. */
export function printSteps(steps: readonly Step[]): string {
  return `[\n${steps.map((step) => `  ${JSON.stringify(step)}`).join(',\n')}\n]`;
}

/** The request and the attempt of a claim. */
export function parseClaim(claim: string): { readonly label: string; readonly attempt: number } {
  const [label = '', attempt = ''] = claim.split('#');
  return { label, attempt: Number(attempt) };
}
