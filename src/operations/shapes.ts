/**
 * What is done to requests and tasks, as plain data: types only, so that the dashboard's page can import them. Times are ISO 8601 in UTC, ids
 * that may exceed 2^53 are strings.
 */

export type RequestAction = 'retry' | 'cancel' | 'delete';
export type TaskAction = 'cancel' | 'delete';

/** What became of what was asked for by name. */
export interface ActionOutcome {
  readonly done: number;
  /** What was left as it was, and why. */
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
}

/** What is being done, or was done, to all requests or tasks that match a filter. */
export interface Operation {
  readonly id: string;
  readonly kind: 'requests' | 'tasks';
  readonly action: string;
  readonly filter: Readonly<Record<string, string>>;
  readonly state: 'running' | 'done' | 'stopped' | 'failed';
  readonly expectedCount: number;
  /** Found so far; all that is to be worked off once `isCollected`. In the end it is `done` and `skipped` together, unless it was stopped. */
  readonly matched: number;
  readonly isCollected: boolean;
  readonly isStopRequested: boolean;
  readonly done: number;
  /** Matched when they were collected and were not acted on. */
  readonly skipped: number;
  /** Why they were skipped: they did not match any more, were deleted, were locked for long, or a constraint or trigger refused. */
  readonly skippedFor: {
    readonly changed: number;
    readonly gone: number;
    readonly held: number;
    readonly refused: number;
  };
  readonly startedBy: string;
  readonly role: string;
  readonly startedAt: string;
  readonly finishedAt?: string;
  readonly error?: string;
}

/** Who did what; no payload. */
export interface AuditRow {
  readonly id: string;
  readonly at: string;
  /** The database's role, and the dashboard's user if there is one. */
  readonly role: string;
  readonly user?: string;
  readonly source: 'dashboard' | 'command line';
  readonly action: string;
  readonly kind: string;
  readonly filter: Readonly<Record<string, unknown>>;
  readonly count: number;
}
