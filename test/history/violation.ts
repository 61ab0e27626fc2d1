/** What a history can break. */
export type Rule =
  /** A change that the journal's other entries or the table do not fit with: somebody went past the trigger. */
  | 'continuity'
  /** A change of status that no documentation knows. */
  | 'transition'
  /** An end after an end. */
  | 'ended-once'
  /** An end that was not recorded by the holder of the last claim, under its attempt. */
  | 'lease'
  /** An attempt or retry_count that does not follow the documented count, or goes over the budget. */
  | 'count'
  /** A row whose columns do not belong to its status. */
  | 'shape'
  /** A result that no model gave for this request, or that another worker's model gave. */
  | 'answer'
  /** A request that did not end. */
  | 'accepted-ended'
  /** A request that nobody queued, that was queued twice, or although its caller was refused. */
  | 'queued-once'
  /** A caller was told what the journal does not have. */
  | 'told'
  /** Cancelled, retried or deleted though nobody asked for it. */
  | 'unasked'
  /** Passed over for longer than allowed by requests that come after it. */
  | 'order'
  /** A lane from which nothing was claimed though a request was ready and a slot free. */
  | 'progress'
  /** `queue_stats` counts otherwise. */
  | 'stats';

export interface Violation {
  readonly rule: Rule;
  readonly requestId: string | undefined;
  readonly what: string;
}

/** Collects violations. */
export type Report = (rule: Rule, requestId: string | undefined, what: string) => void;
