/** What a history of tasks can break. */
export type TaskRule =
  /** A change that the one before it does not fit with. */
  | 'continuity'
  /** A change of state that no documentation knows. */
  | 'transition'
  /** A change after the end. */
  | 'ended-once'
  /** Ended or given up by somebody who neither held it nor found its holder gone, or while its backend was at work. */
  | 'lease'
  /** Attempts or charges that do not follow the documented count. */
  | 'count'
  /** Accepted, and it did not end. */
  | 'lost'
  /** Queued twice, by nobody, or although its caller was refused. */
  | 'queued-once'
  /** Started more often than its attempts allow, or while it was at work. */
  | 'start'
  /** Effects that its verdict denies, or that are there twice. */
  | 'effect'
  /** A verdict or an error that such a text cannot have. */
  | 'verdict'
  /** Canceled, or deleted, though nobody asked for it. */
  | 'unasked'
  /** Begun, given back or failed after a caller had been told that its cancel came in time. */
  | 'cancel'
  /** A caller was told what the journal does not have. */
  | 'told'
  /** `lantern.tasks` says something else, or something was left over. */
  | 'projection';

export interface TaskViolation {
  readonly rule: TaskRule;
  /** The key of the task. */
  readonly task: string | undefined;
  readonly what: string;
}

/** Collects violations. */
export type TaskReport = (rule: TaskRule, task: string | undefined, what: string) => void;
