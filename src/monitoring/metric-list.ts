/** The only labels there are. None of them is a role, a host, a worker or a request. */
export const METRIC_LABELS = ['function', 'model', 'status', 'job'] as const;
export type MetricLabel = (typeof METRIC_LABELS)[number];

export interface MetricDefinition {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly labels: readonly MetricLabel[];
  readonly help: string;
  /** What each process did or how it is; or how the whole installation is, from the one process that measures it at present. */
  readonly of: 'process' | 'installation';
}

const LANE = ['function', 'model'] as const;

/** Every metric, as `/metrics` has it and the reference lists it. */
export const METRICS = [
  {
    name: 'lamplighter_requests_ended_total',
    type: 'counter',
    labels: [...LANE, 'status'],
    help: 'Requests that this process ended, by status: completed or failed.',
    of: 'process',
  },
  {
    name: 'lamplighter_request_retries_total',
    type: 'counter',
    labels: LANE,
    help: 'Attempts at requests that failed and were charged, with another one to follow.',
    of: 'process',
  },
  {
    name: 'lamplighter_request_wait_seconds',
    type: 'histogram',
    labels: LANE,
    help: 'From the queueing of a request to its first claim.',
    of: 'process',
  },
  {
    name: 'lamplighter_request_run_seconds',
    type: 'histogram',
    labels: LANE,
    help: 'From the claim of a request to the recorded end of the attempt.',
    of: 'process',
  },
  {
    name: 'lamplighter_tasks_ended_total',
    type: 'counter',
    labels: ['status'],
    help: 'Tasks that this process ended, by status: completed, failed or cancelled.',
    of: 'process',
  },
  {
    name: 'lamplighter_task_retries_total',
    type: 'counter',
    labels: [],
    help: 'Tasks that this process put back, to be run again.',
    of: 'process',
  },
  {
    name: 'lamplighter_task_run_seconds',
    type: 'histogram',
    labels: [],
    help: 'From the claim of a task to its recorded end.',
    of: 'process',
  },
  {
    name: 'lamplighter_embeddings_ended_total',
    type: 'counter',
    labels: ['job', 'model', 'status'],
    help: 'Rows of an embedding job that this process embedded, or that failed for good.',
    of: 'process',
  },
  {
    name: 'lamplighter_embedding_run_seconds',
    type: 'histogram',
    labels: ['job', 'model'],
    help: 'From the claim of a batch of rows to its written vectors.',
    of: 'process',
  },
  {
    name: 'lamplighter_tokens_total',
    type: 'counter',
    labels: ['job', 'model'],
    help: 'Tokens that models were given for an embedding job, where they tell.',
    of: 'process',
  },
  {
    name: 'lamplighter_rescues_total',
    type: 'counter',
    labels: [],
    help: 'Requests and tasks that this process took back from dead workers.',
    of: 'process',
  },
  {
    name: 'lamplighter_in_flight',
    type: 'gauge',
    labels: [],
    help: 'Pieces of work that this process has claimed and not yet ended.',
    of: 'process',
  },
  {
    name: 'lamplighter_heartbeat_age_seconds',
    type: 'gauge',
    labels: [],
    help: 'Since the last sign of life of this process that the database answered.',
    of: 'process',
  },
  {
    name: 'lamplighter_queue_pending',
    type: 'gauge',
    labels: LANE,
    help: 'Requests that wait. Counting stops at 10,000 of a lane or fewer: see lamplighter_queue_pending_is_bounded.',
    of: 'installation',
  },
  {
    name: 'lamplighter_queue_pending_is_bounded',
    type: 'gauge',
    labels: LANE,
    help: '1 where more wait than were counted.',
    of: 'installation',
  },
  {
    name: 'lamplighter_queue_running',
    type: 'gauge',
    labels: LANE,
    help: 'Requests in flight with live workers.',
    of: 'installation',
  },
  {
    name: 'lamplighter_queue_oldest_pending_seconds',
    type: 'gauge',
    labels: LANE,
    help: 'Age of the oldest request that waits.',
    of: 'installation',
  },
  {
    name: 'lamplighter_queue_is_served',
    type: 'gauge',
    labels: LANE,
    help: '0 where requests wait or run and no live worker serves them.',
    of: 'installation',
  },
  {
    name: 'lamplighter_queue_is_paused',
    type: 'gauge',
    labels: LANE,
    help: '1 where requests wait for their function to be resumed.',
    of: 'installation',
  },
  {
    name: 'lamplighter_tasks_queued',
    type: 'gauge',
    labels: [],
    help: 'Tasks that wait; counting stops at 2,000.',
    of: 'installation',
  },
  {
    name: 'lamplighter_tasks_running',
    type: 'gauge',
    labels: [],
    help: 'Tasks that run.',
    of: 'installation',
  },
  {
    name: 'lamplighter_tasks_oldest_queued_seconds',
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest task that waits; 0 when none does.',
    of: 'installation',
  },
  {
    name: 'lamplighter_tasks_are_served',
    type: 'gauge',
    labels: [],
    help: '0 where no live worker runs tasks.',
    of: 'installation',
  },
  {
    name: 'lamplighter_embedding_queued',
    type: 'gauge',
    labels: ['job', 'model'],
    help: 'Rows of an embedding job that have changed or are being embedded; counting stops at 6,000 or fewer.',
    of: 'installation',
  },
  {
    name: 'lamplighter_embedding_lag_seconds',
    type: 'gauge',
    labels: ['job', 'model'],
    help: 'Age of the oldest change that nobody has taken up; 0 when there is none.',
    of: 'installation',
  },
  {
    name: 'lamplighter_embedding_is_served',
    type: 'gauge',
    labels: ['job', 'model'],
    help: '0 where no daemon serves an embedding job.',
    of: 'installation',
  },
  {
    name: 'lamplighter_embedding_has_failed',
    type: 'gauge',
    labels: ['job', 'model'],
    help: '1 where an embedding job has failed and waits to be fixed.',
    of: 'installation',
  },
  {
    name: 'lamplighter_workers_alive',
    type: 'gauge',
    labels: [],
    help: 'Workers and daemons whose lease holds.',
    of: 'installation',
  },
  {
    name: 'lamplighter_workers_dead',
    type: 'gauge',
    labels: [],
    help: 'Workers and daemons that died within the last day.',
    of: 'installation',
  },
  {
    name: 'lamplighter_notification_queue_usage_ratio',
    type: 'gauge',
    labels: [],
    help: "Share of the server's notification queue that is in use. Full, it fails every transaction that notifies.",
    of: 'installation',
  },
  {
    name: 'lamplighter_xmin_age_seconds',
    type: 'gauge',
    labels: [],
    help: 'Age of the oldest transaction that keeps dead rows from being removed, as far as the owner may see others.',
    of: 'installation',
  },
  {
    name: 'lamplighter_autovacuum_lag_ratio',
    type: 'gauge',
    labels: [],
    help: 'Dead rows over what autovacuum waits for, of the table where that is most. From 1 on it is due.',
    of: 'installation',
  },
  {
    name: 'lamplighter_invalid_indexes',
    type: 'gauge',
    labels: [],
    help: 'Indexes of the database that are invalid while nobody builds them, as a task may leave them.',
    of: 'installation',
  },
] as const satisfies readonly MetricDefinition[];

export type MetricName = (typeof METRICS)[number]['name'];
