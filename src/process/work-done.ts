/** What a process has done since it started, of one kind of work. */
export interface WorkDone {
  /** A plural, such as `requests`. */
  readonly name: string;
  readonly processed: number;
  readonly failed: number;
}

/** The work in words, as `12 requests (1 failed), 3 tasks`. */
export function describeWork(work: readonly WorkDone[]): string {
  return work
    .map(
      ({ name, processed, failed }) =>
        `${processed} ${processed === 1 ? name.replace(/s$/, '') : name}${failed === 0 ? '' : ` (${failed} failed)`}`,
    )
    .join(', ');
}
