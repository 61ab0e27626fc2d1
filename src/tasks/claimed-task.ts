/** One attempt at a task that this process is to run. */
export interface ClaimedTask {
  /** A bigint as text. */
  readonly runId: string;
  /** A bigint as text. */
  readonly jobid: string;
  /** As whom it runs. */
  readonly username: string;
  readonly roleOid: number;
  readonly text: string;
  /** That of the caller at the time of queueing. */
  readonly searchPath: string;
  /** With the run and the worker it fences late writes. */
  readonly attempt: number;
  /** Of which trace it is, as in W3C Trace Context; null or absent where whoever queued it said nothing. */
  readonly traceparent?: string | null;
}
