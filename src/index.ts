/** Queue requests and wait for their results; run a worker inside your own process. */
export type { CallerDb } from './client/caller-db.ts';
export type { CheckedRequest, RequestStatus } from './client/check-requests.ts';
export type { Client, OnOptions, WaitOptions } from './client/client.ts';
export { type ClientOptions, createClient } from './client/create-client.ts';
export type { EnqueueOptions, Enqueuer, GenerateOptions, RerankOptions } from './client/enqueuer.ts';
export type { QueueStats } from './client/queue-stats.ts';
export type { RequestId } from './client/request-id.ts';
export type { RankedDocument } from './client/request-result.ts';
export type { RunTaskOptions, TaskId, Tasks, TaskWaitOptions } from './client/tasks/create-tasks.ts';
export type { TaskState, TaskStatus } from './client/tasks/task-status.ts';
export type { WorkerStatus } from './client/worker-status.ts';
export { ERROR_CODES, type ErrorCode, hasCode, LamplighterError } from './core/errors.ts';
export { type CreateWorkerOptions, createWorker } from './worker/create-worker.ts';
export type { StopOptions, Worker } from './worker/worker.ts';
