/**
 * What the dashboard's server and its page say to each other: types only, so that the page can import them. All paths stand under
 * `<base path>/api`. Times are ISO 8601 in UTC, spans are milliseconds, ids that may exceed 2^53 are strings.
 */

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
  /** As whom the dashboard is logged in. */
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

/** Of the last hour, from the metrics. */
export interface RecentFigures {
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly retries: number;
  readonly waitP50Ms?: number;
  readonly waitP95Ms?: number;
  readonly runP50Ms?: number;
  readonly runP95Ms?: number;
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

/** `GET series?window=1h|6h|24h|7d|90d&system=requests|tasks|jobs&function=&model=`. A gap is a null: no process measured then. */
export interface Series {
  readonly stepMs: number;
  /** Beginnings of the steps, ascending, in epoch milliseconds. */
  readonly at: readonly number[];
  readonly enqueued: readonly (number | null)[];
  readonly completed: readonly (number | null)[];
  readonly failed: readonly (number | null)[];
  readonly cancelled: readonly (number | null)[];
  readonly retries: readonly (number | null)[];
  readonly waitP50Ms: readonly (number | null)[];
  readonly waitP95Ms: readonly (number | null)[];
  readonly runP50Ms: readonly (number | null)[];
  readonly runP95Ms: readonly (number | null)[];
  readonly oldestPendingMs: readonly (number | null)[];
}

/** The filter of requests, as query parameters and in actions alike; all that is given must hold. */
export interface RequestFilter {
  readonly id?: string;
  readonly status?: string;
  readonly function?: string;
  readonly model?: string;
  readonly role?: string;
  readonly batch?: string;
  readonly worker?: string;
  /** Queued at or after, and before. */
  readonly since?: string;
  readonly until?: string;
  /** Part of the text of the error, in any case. */
  readonly error?: string;
}

export interface RequestRow {
  readonly id: string;
  readonly requestId: string;
  readonly functionName: string;
  readonly model: string;
  readonly status: 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled';
  readonly priority: number;
  readonly role: string;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly completedAt?: string;
  readonly retryCount: number;
  readonly attempt: number;
  readonly batchId?: string;
  readonly workerId?: string;
  /** The first 500 characters; its kind alone without the right to see payloads. */
  readonly error?: string;
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
export interface RequestDetail extends RequestRow {
  /** Absent without the right to see payloads; long ones are cut, and say how long they are. */
  readonly parameters?: string;
  readonly result?: string;
  readonly parametersLength: number;
  readonly resultLength?: number;
  readonly errorText?: string;
  readonly runAt?: string;
  /** What stands in the way while it waits, as the wait's hint says it. */
  readonly waitsFor?: string;
  readonly traceparent?: string;
  readonly timeline: readonly { readonly at: string; readonly text: string }[];
  readonly may: readonly RequestAction[];
}

export type RequestAction = 'retry' | 'cancel' | 'delete';

/** The filter of tasks. */
export interface TaskFilter {
  readonly id?: string;
  readonly state?: string;
  readonly name?: string;
  readonly role?: string;
  readonly since?: string;
  readonly until?: string;
  readonly error?: string;
}

export interface TaskRow {
  readonly jobid: string;
  readonly name?: string;
  readonly role: string;
  readonly state: 'queued' | 'running' | 'succeeded' | 'failed' | 'canceled';
  readonly reason?: string;
  readonly queuedAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly phase?: string;
  readonly percent?: number;
  readonly etaMs?: number;
  readonly blockedBy: readonly number[];
  /** The first line of the text, with the right to see payloads. */
  readonly query?: string;
  readonly error?: string;
}

/** `GET tasks/:jobid` */
export interface TaskDetail extends TaskRow {
  readonly text?: string;
  readonly guarantee?: string;
  readonly attempt: number;
  readonly workerId?: string;
  readonly backendPid?: number;
  readonly commandTag?: string;
  readonly rowCount?: string;
  /** As psql prints it. */
  readonly errorText?: string;
  readonly may: readonly TaskAction[];
}

export type TaskAction = 'cancel' | 'delete';

/** `GET jobs` (all) and `GET jobs/:id`: embedding jobs of this database. */
export interface JobRow {
  readonly id: string;
  readonly jobId: string;
  readonly table: string;
  readonly sourceColumn: string;
  readonly destination: string;
  readonly model: string;
  /** The model before, while its vectors are being replaced. */
  readonly formerModel?: string;
  readonly dimensions: number;
  readonly state: string;
  readonly reason?: string;
  readonly rows?: number;
  readonly embedded?: number;
  readonly stale?: number;
  readonly chunks?: number;
  readonly queued: number;
  readonly failed: number;
  /** False where there are more changes, or more failures, than were counted. */
  readonly isExact: boolean;
  readonly truncated?: number;
  readonly tokens?: number;
  readonly calls: number;
  /** Vectors a second. */
  readonly rate?: number;
  readonly etaMs?: number;
  readonly lagMs?: number;
  readonly passPercent?: number;
  readonly lastError?: string;
  readonly lastErrorAt?: string;
  readonly index?: {
    readonly state: string;
    readonly name?: string;
    readonly percent?: number;
    readonly reason?: string;
  };
}

/** `GET jobs/:id/failures?cursor=` gives a Page of these. */
export interface JobFailure {
  readonly id: string;
  /** The row's key; absent without the right to see payloads. */
  readonly key?: string;
  readonly attempts: number;
  readonly isFinal: boolean;
  readonly error: string;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
}

/** `GET workers` (all, the living first). */
export interface WorkerRow {
  readonly workerId: string;
  readonly kind: 'worker' | 'daemon';
  readonly hostname: string;
  readonly pid: number;
  readonly status: string;
  readonly version: string;
  readonly functions: readonly string[];
  /** `function:model`, as far as it told. */
  readonly lanes: readonly string[];
  readonly concurrency: number;
  readonly inFlight: number;
  readonly taskConcurrency?: number;
  readonly processed: number;
  readonly failed: number;
  /** Resident memory of its whole process at the last heartbeat. */
  readonly memoryBytes?: number;
  /** Those of `lanes` whose model could not be used at the last heartbeat. */
  readonly unavailableLanes?: readonly string[];
  readonly startedAt: string;
  readonly lastHeartbeat: string;
  /** Until when what it holds is safe from others. */
  readonly leaseUntil: string;
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

/**
 * `POST requests/actions`, `POST tasks/actions`: `{ action, ids }` (request_ids or jobids, at most 1,000). `POST jobs/:id/retry-failures`:
 * `{ ids? }`. `POST functions/:name/pause`, `.../resume`: `{}`. All answer with this.
 */
export interface ActionOutcome {
  readonly done: number;
  /** What was left as it was, and why. */
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
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
  /** Without any filter `confirm` is needed: the words to be typed. */
  readonly confirmWords?: string;
}

/** `POST operations` with an OperationOrder and `{ expectedCount, confirm? }`; `GET operations` (newest 100), `GET operations/:id`, `POST operations/:id/stop`. */
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
  /** They did not match any more, were deleted, another transaction had them locked for long, or a constraint or trigger refused. */
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

/** `GET audit?cursor=` gives a Page of these. */
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
