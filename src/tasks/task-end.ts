/** What a task's text got: its effects and its outcome commit together, or it ran outside a transaction of ours and is never run twice. */
export type Guarantee = 'exactly once' | 'at most once';

/** How an attempt at a task ended, as its session saw it. */
export type TaskEnd =
  /** With a verdict. `errorMessage` says why it failed, as libpq prints it; tag and number of rows are those of the last statement. */
  | {
      readonly kind: 'ended';
      readonly status: 'succeeded' | 'failed';
      readonly errorMessage?: string;
      readonly commandTag?: string;
      readonly rowCount?: number;
      readonly guarantee: Guarantee;
    }
  /** The connection ended without one. Its backend may still be at work: once that is gone, the outcome's row tells, if there is one. */
  | { readonly kind: 'lost'; readonly reason: string; readonly guarantee: Guarantee }
  /** Another attempt has the task, or it was cancelled: nothing ran. */
  | { readonly kind: 'fenced'; readonly guarantee: Guarantee }
  /** The server takes no writes, so that nothing ran: it may do later, and nobody is to be charged. */
  | { readonly kind: 'unavailable'; readonly reason: string; readonly guarantee: Guarantee };
