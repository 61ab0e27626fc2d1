/**
 * What is read of the three systems, as plain data: types only, so that the dashboard's page can import them. Times are ISO 8601 in UTC, spans
 * are milliseconds, ids that may exceed 2^53 are strings.
 */

/** Which requests; all that is given must hold. */
export interface RequestFilter {
  /** Its number, or its request_id. */
  readonly id?: string;
  readonly status?: string;
  readonly function?: string;
  readonly model?: string;
  readonly role?: string;
  readonly batch?: string;
  readonly worker?: string;
  /** Queued at or after, and before: ISO 8601. */
  readonly since?: string;
  readonly until?: string;
  /** Part of the text of the error, in any case. */
  readonly error?: string;
}

export type RequestStatus = 'pending' | 'processing' | 'completed' | 'failed' | 'cancelled';

/** A request as lists show it, without its payload. */
export interface RequestRow {
  readonly id: string;
  readonly requestId: string;
  readonly functionName: string;
  readonly model: string;
  readonly status: RequestStatus;
  readonly priority: number;
  readonly role: string;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly completedAt?: string;
  readonly retryCount: number;
  readonly attempt: number;
  readonly batchId?: string;
  readonly workerId?: string;
  /** The first 500 characters; its kind alone for whoever may not see payloads. */
  readonly error?: string;
}

/** All of a request. */
export interface RequestRecord extends RequestRow {
  /** The parameters as indented JSON. They and `result` are cut where they are long, and absent for whoever may not see payloads. */
  readonly parameters?: string;
  readonly result?: string;
  readonly parametersLength: number;
  readonly resultLength?: number;
  readonly errorText?: string;
  readonly runAt?: string;
  readonly traceparent?: string;
  /** What stands in the way while it waits, as the wait's hint says it. */
  readonly waitsFor?: string;
}

/** Which tasks; all that is given must hold. */
export interface TaskFilter {
  readonly id?: string;
  readonly state?: string;
  readonly name?: string;
  readonly role?: string;
  readonly since?: string;
  readonly until?: string;
  readonly error?: string;
}

export type TaskState = 'queued' | 'running' | 'succeeded' | 'failed' | 'canceled';

/** A task as lists show it. */
export interface TaskRow {
  readonly jobid: string;
  readonly name?: string;
  readonly role: string;
  readonly state: TaskState;
  readonly reason?: string;
  readonly queuedAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly phase?: string;
  readonly percent?: number;
  readonly etaMs?: number;
  readonly blockedBy: readonly number[];
  /** The first line of the text, for whoever may see payloads. */
  readonly query?: string;
  readonly error?: string;
}

/** All of a task. */
export interface TaskRecord extends TaskRow {
  readonly text?: string;
  readonly guarantee?: string;
  readonly attempt: number;
  readonly workerId?: string;
  readonly backendPid?: number;
  readonly commandTag?: string;
  readonly rowCount?: string;
  /** The error as psql prints it. */
  readonly errorText?: string;
}

/** An embedding job, as `lamplighter.embedding_status` has it. */
export interface JobRow {
  readonly id: string;
  readonly jobId: string;
  readonly table: string;
  readonly sourceColumn: string;
  readonly destination: string;
  readonly model: string;
  /** The model before, as long as vectors of it may be left. */
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
  /** How much of the table the running pass has looked at. */
  readonly passPercent?: number;
  /** Rows that the running pass looks at in a second, or the last one did. */
  readonly passRate?: number;
  /** When all rows were compared with their texts last, and when they are next, at the latest. */
  readonly fullPassAt?: string;
  readonly nextFullPassAt?: string;
  readonly lastError?: string;
  readonly lastErrorAt?: string;
  readonly index?: {
    readonly state: string;
    readonly name?: string;
    readonly percent?: number;
    readonly reason?: string;
  };
}

/** A row that a job could not embed. */
export interface JobFailure {
  /** A hash of the key: it tells rows apart and says nothing of them. */
  readonly id: string;
  /** The row's key, for whoever may see payloads. */
  readonly key?: string;
  readonly attempts: number;
  readonly isFinal: boolean;
  readonly error: string;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
}

/** A worker or a daemon. */
export interface ProcessRow {
  readonly workerId: string;
  /** The id in each line of its log; shared by all leases of the process. */
  readonly processId?: string;
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
  /** Resident memory of the process at the last heartbeat, without the processes of its engines. */
  readonly memoryBytes?: number;
  /** The ones among `lanes` whose model could not be used at the last heartbeat. */
  readonly unavailableLanes?: readonly string[];
  readonly startedAt: string;
  readonly lastHeartbeat: string;
  /** The time until which its work in flight is safe from others. */
  readonly leaseUntil: string;
}

/** Figures step by step: each step has one entry in each array, null where no process measured the system then. */
export interface Series {
  readonly stepMs: number;
  /** Beginnings of the steps, ascending, in epoch milliseconds, without a hole. */
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

/** Figures of the last hour. Quantiles are absent where nothing ended or began. */
export interface RecentFigures {
  readonly enqueued: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly retries: number;
  readonly waitP50Ms?: number;
  readonly waitP95Ms?: number;
  readonly runP50Ms?: number;
  readonly runP95Ms?: number;
}
