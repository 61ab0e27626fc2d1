/** Begin to work, and tell of: the first and the last of so many requests, each request, or how many they have become. */
export type StartMessage =
  | { readonly kind: 'start'; readonly tell: 'ends'; readonly expected: number }
  | { readonly kind: 'start'; readonly tell: 'each' | 'counts' };

/** What a worker process is told. */
export type ToWorker = StartMessage | { readonly kind: 'usage' } | { readonly kind: 'stop' };

/** What a worker process has used so far, by its own account. */
export interface Usage {
  readonly cpuSeconds: number;
  readonly atMs: number;
  readonly rssBytes: number;
}

/** What a worker process tells; `handled` with the host's monotonic clock, which all its processes share. */
export type FromWorker =
  | { readonly kind: 'ready' | 'started' | 'stopped' }
  | { readonly kind: 'count'; readonly handled: number }
  | { readonly kind: 'handled'; readonly prompts: readonly string[]; readonly atMs: number }
  | ({ readonly kind: 'first' | 'all' | 'usage' } & Usage);
