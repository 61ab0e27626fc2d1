/** Keep vectors in step with columns of text, from inside your own process. */
export { type CreateDaemonOptions, createDaemon } from './daemon/create-daemon.ts';
export type { Daemon } from './daemon/daemon.ts';
export type { JobReport } from './daemon/job-report.ts';
