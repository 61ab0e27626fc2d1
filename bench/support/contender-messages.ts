/** What a worker process is told. */
export type ToWorker =
  | { readonly kind: 'start'; readonly expected: number }
  | { readonly kind: 'usage' }
  | { readonly kind: 'stop' };

/** What a worker process has used so far, by its own account. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly atMs: number;
  readonly rssBytes: number;
}

/** What a worker process tells: `first` and `all` at the first and the last expected call of its handler. */
export type FromWorker =
  | { readonly kind: 'ready' | 'started' | 'stopped' }
  | ({ readonly kind: 'first' | 'all' | 'usage' } & Usage);
