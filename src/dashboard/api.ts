/**
 * What the dashboard's server and its page say to each other: types only, so that the page can import them. All paths stand under
 * `<base path>/api`. Times are ISO 8601 in UTC, spans are milliseconds, ids that may exceed 2^53 are strings.
 */

import type {
  JobFailure,
  JobRow,
  ProcessRow,
  RecentFigures,
  RequestFilter,
  RequestRecord,
  RequestRow,
  Series,
  TaskFilter,
  TaskRecord,
  TaskRow,
} from '../monitoring/shapes.ts';
import type { ActionOutcome, AuditRow, Operation, RequestAction, TaskAction } from '../operations/shapes.ts';

/**
 * - `GET jobs` (all) and `GET jobs/:id`: JobRow; `GET jobs/:id/failures?cursor=`: a Page of JobFailure
 * - `GET series?window=1h|6h|24h|7d|90d&system=requests|tasks|jobs&function=&model=`: Series
 * - `GET workers` (all, the living first): WorkerRow
 *
 * - `POST requests/actions`, `POST tasks/actions`: `{ action, ids }` (request_ids or jobids, at most 1,000); `POST jobs/:id/retry-failures`:
 *   `{ ids? }`; `POST functions/:name/pause`, `.../resume`: `{}`. All answer with an ActionOutcome
 * - `POST operations` with an OperationOrder and `{ expectedCount, confirm? }`, `GET operations/:id` and `POST operations/:id/stop`: Operation;
 *   `GET operations`: the newest 100
 * - `GET audit?cursor=`: a Page of AuditRow
 *
 * RequestFilter and TaskFilter are the same as query parameters and in actions.
 */
export type {
  ActionOutcome,
  AuditRow,
  JobFailure,
  JobRow,
  Operation,
  ProcessRow as WorkerRow,
  RecentFigures,
  RequestAction,
  RequestFilter,
  RequestRow,
  Series,
  TaskAction,
  TaskFilter,
  TaskRow,
};

/** What whoever looks may do. Each right is apart: an operator need not see payloads. */
export interface Rights {
  /** Sees figures, states, names and kinds of errors. Without it nothing is answered but the page itself. */
  readonly view: boolean;
  /** Sees parameters, results, texts of tasks, keys of rows and errors, which may quote any of these, and may search in errors. */
  readonly payloads: boolean;
  /** Retries and cancels. */
  readonly operate: boolean;
  /** Deletes, pauses and resumes functions. */
  readonly admin: boolean;
}

/** `GET session` */
export interface Session {
  readonly version: string;
  readonly database: string;
  readonly host: string;
  /** The role that the dashboard is logged in as. */
  readonly role: string;
  /** False where the role sees only its own requests, tasks and jobs; the page says so. */
  readonly seesAll: boolean;
  readonly user?: string;
  readonly rights: Rights;
  readonly isReadOnly: boolean;
  /** The page of a trace, with `{trace_id}` where its id belongs. */
  readonly traceUrl?: string;
}

/** A count that is never read beyond a bound: `count` exactly, or more than that. */
export interface BoundedCount {
  readonly count: number;
  readonly isExact: boolean;
  /** How old the figure is. */
  readonly ageMs: number;
}

export interface Trouble {
  /** Names the kind, as `doctor` does: 'not-served', 'dead-worker', .. */
  readonly kind: string;
  readonly severity: 'error' | 'warning';
  /** One sentence: what is wrong. */
  readonly text: string;
  /** What to do, if that can be told: a sentence, and a command. */
  readonly advice?: string;
  readonly command?: string;
  readonly since?: string;
  /** The page that shows more, relative to the base path: `requests?status=failed&function=embed`. */
  readonly link?: string;
}

export interface LaneFigures {
  readonly functionName: string;
  readonly model: string;
  readonly pending: BoundedCount;
  readonly running: number;
  readonly oldestPendingMs?: number;
  readonly isPaused: boolean;
  /** Whether a live worker serves it. */
  readonly isServed: boolean;
}

/** `GET overview`, and each `sample` of `GET events`. */
export interface Overview {
  readonly at: string;
  readonly troubles: readonly Trouble[];
  readonly lanes: readonly LaneFigures[];
  readonly requests: RecentFigures;
  readonly tasks: RecentFigures & { readonly queued: BoundedCount; readonly running: number };
  readonly jobs: {
    readonly live: number;
    readonly backfilling: number;
    readonly failed: number;
    readonly queued: BoundedCount;
  };
  readonly workers: { readonly alive: number; readonly dead: number };
  /** Failures of the last hour by cause, most frequent first, at most 10. */
  readonly failures: readonly { readonly cause: string; readonly count: number; readonly link?: string }[];
}

/** `GET requests?<filter>&cursor=&limit=` and the like: newest first; `next` is the cursor of the following page. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly next?: string;
  /** The search reached its bound before the page was full, or anything was found: `next` goes on with it. */
  readonly isPartial?: boolean;
  readonly total: BoundedCount;
}

/** `GET requests/:requestId` */
export interface RequestDetail extends RequestRecord {
  readonly timeline: readonly { readonly at: string; readonly text: string }[];
  readonly may: readonly RequestAction[];
}

/** `GET tasks/:jobid` */
export interface TaskDetail extends TaskRecord {
  readonly may: readonly TaskAction[];
}

/** `GET settings` (all). */
export interface SettingRow {
  readonly name: string;
  readonly value: string;
  readonly origin: string;
  readonly meaning?: string;
}

/** `GET functions`: what can be paused. */
export interface FunctionRow {
  readonly name: string;
  readonly isPaused: boolean;
  readonly pausedBy?: string;
  readonly pausedAt?: string;
}

/** What is to be done to all that match. */
export type OperationOrder =
  | { readonly kind: 'requests'; readonly action: RequestAction; readonly filter: RequestFilter }
  | { readonly kind: 'tasks'; readonly action: TaskAction; readonly filter: TaskFilter };

/** `POST operations/preview` with an OperationOrder. */
export interface OperationPreview {
  /** Exact: how many match now and can be acted on. */
  readonly count: number;
  readonly samples: readonly (RequestRow | TaskRow)[];
  /** The words to be typed as `confirm`, which is needed without any filter. */
  readonly confirmWords?: string;
}

/** `GET events`: Server-Sent Events. `sample` each second while somebody looks; `changed` within a second of a commit, at most 4 a second. */
export type LiveEvent =
  | { readonly type: 'sample'; readonly data: Overview }
  | {
      readonly type: 'changed';
      readonly data: { readonly topics: readonly ('requests' | 'tasks' | 'jobs' | 'workers' | 'operations')[] };
    }
  /** The database cannot be reached; the page shows since when. */
  | { readonly type: 'lost'; readonly data: { readonly since: string; readonly error: string } };

/** The body of every answer that is not 2xx. */
export interface ApiError {
  readonly error: { readonly code: string; readonly message: string; readonly hint?: string };
}
