/** What a worker process is told. */
export type ToWorker =
  /** Begin to work. `expected`: tell of the first call of the handler and of the last of so many requests; absent: tell of every one. */
  | { readonly kind: 'start'; readonly expected: number | undefined }
  | { readonly kind: 'usage' }
  | { readonly kind: 'stop' };

/** What a worker process has used so far, by its own account. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly atMs: number;
  readonly rssBytes: number;
}

/** What a worker process tells; `handled` with the host's monotonic clock, which all its processes share. */
export type FromWorker =
  | { readonly kind: 'ready' | 'started' | 'stopped' }
  | { readonly kind: 'handled'; readonly prompts: readonly string[]; readonly atMs: number }
  | ({ readonly kind: 'first' | 'all' | 'usage' } & Usage);
