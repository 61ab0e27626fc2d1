/** Which jobs of a daemon are filled at a time: as many as `--queue-size` says, the others in the order in which they have asked. */
export interface FillSlots {
  /** True while `job` may be filled; until it leaves, it has its place or waits for one. */
  take(job: object): boolean;
  /** Its place, or its turn, is another one's. */
  leave(job: object): void;
}

/** @param most undefined for any number. */
export function createFillSlots(most = Number.POSITIVE_INFINITY): FillSlots {
  const jobs = new Set<object>();
  return {
    take(job) {
      jobs.add(job);
      return jobs.size <= most || [...jobs].indexOf(job) < most;
    },
    leave: (job) => void jobs.delete(job),
  };
}
