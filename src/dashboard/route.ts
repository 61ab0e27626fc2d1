import type { Queryable } from '../db/query.ts';
import type { Overview, Rights, SettingRow } from './api.ts';
import type { DashboardDb } from './dashboard-db.ts';

/** What a route may use. */
export interface RouteContext {
  /** A transaction: read-only for a GET, and one that writes for a POST. */
  readonly db: Queryable;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** The JSON of a POST, as it was sent. */
  readonly body: unknown;
  readonly rights: Rights;
  readonly user: string | undefined;
  readonly signal: AbortSignal;
  readonly dashboard: DashboardServices;
}

/** What lives as long as the dashboard. */
export interface DashboardServices {
  readonly db: DashboardDb;
  readonly isReadOnly: boolean;
  readonly traceUrl: string | undefined;
  readonly readOverview: (db: Queryable) => Promise<Overview>;
  /** Each with its value and where that came from. */
  readonly listSettings: (db: Queryable) => Promise<readonly SettingRow[]>;
  /** Something was done: whoever looks should see it at once. */
  readonly noteChange: () => void;
  /** An operation was begun. */
  readonly noteOperation: () => void;
}

/** One thing that the server answers, below `<base path>/api`. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** The path as hono has it: `/requests/:requestId`. */
  readonly path: string;
  /** The right that is needed, as else the answer is 403; for some routes it depends on the body. */
  readonly right: keyof Rights | ((body: unknown) => keyof Rights);
  /** Takes no transaction, as it needs several or none. */
  readonly isLong?: boolean;
  /** What is to be sent, as JSON. */
  readonly run: (context: RouteContext) => Promise<unknown>;
}

/** A long route has none of its own. */
export const NO_TRANSACTION: Queryable = {
  query: () => Promise.reject(new Error('this route has no transaction')),
};
