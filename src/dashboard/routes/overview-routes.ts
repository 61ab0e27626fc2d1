import type { Overview, Series } from '../api.ts';
import { readOverview } from '../read-overview.ts';
import { Refusal } from '../refusal.ts';
import type { Route } from '../route.ts';

const STEPS: Readonly<Record<string, { readonly stepMs: number; readonly steps: number }>> = {
  '1h': { stepMs: 60_000, steps: 60 },
  '6h': { stepMs: 60_000, steps: 360 },
  '24h': { stepMs: 600_000, steps: 144 },
  '7d': { stepMs: 3_600_000, steps: 168 },
  '90d': { stepMs: 21_600_000, steps: 360 },
};

export const OVERVIEW_ROUTES: readonly Route[] = [
  { method: 'GET', path: '/overview', right: 'view', run: ({ db }): Promise<Overview> => readOverview(db) },
  {
    method: 'GET',
    path: '/series',
    right: 'view',
    async run({ query }): Promise<Series> {
      const window = STEPS[query['window'] ?? '1h'];
      if (window === undefined)
        throw new Refusal('INVALID', `window: expected one of ${Object.keys(STEPS).join(', ')}`);
      const { stepMs, steps } = window;
      const first = Math.floor(Date.now() / stepMs) * stepMs - (steps - 1) * stepMs;
      const gaps = Array.from({ length: steps }, () => null);
      return {
        stepMs,
        at: Array.from({ length: steps }, (_, index) => first + index * stepMs),
        enqueued: gaps,
        completed: gaps,
        failed: gaps,
        cancelled: gaps,
        retries: gaps,
        waitP50Ms: gaps,
        waitP95Ms: gaps,
        runP50Ms: gaps,
        runP95Ms: gaps,
        oldestPendingMs: gaps,
      };
    },
  },
];
