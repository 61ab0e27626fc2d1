import { LamplighterError } from '../core/errors.ts';
import { type Logger, silentLogger } from '../core/log.ts';
import { showValue } from '../core/show-value.ts';
import type { Authorise } from './access.ts';
import { type ClientPool, createPooledDb } from './dashboard-db.ts';
import { listDatabaseSettings } from './database-settings.ts';
import { openDashboard } from './open-dashboard.ts';
import { readTraceUrl } from './trace-url.ts';

export interface DashboardOptions {
  /** A `pg` `Pool`; its role decides what the dashboard can see and do. It stays the caller's, who ends it. */
  readonly pool: ClientPool;
  /** Where it is mounted, such as `/lamplighter`. @default '/' */
  readonly basePath?: string | undefined;
  /** Says who asks and what they may do, for each request. */
  readonly authorise: Authorise;
  /** Changes nothing, whoever asks. @default false */
  readonly isReadOnly?: boolean | undefined;
  /** The page of a trace, such as `https://jaeger.example.com/trace/{trace_id}`, to link requests to. @default no links */
  readonly traceUrl?: string | undefined;
  /** The names under which it may be asked for; others are refused. @default any, as `authorise` decides */
  readonly allowedHosts?: readonly string[] | undefined;
  /** @default silent */
  readonly log?: Logger | undefined;
}

/** A handler that answers all below `basePath`. */
export interface Dashboard {
  (request: Request): Promise<Response>;
  /** Ends its streams and what it does in the background. */
  close(): Promise<void>;
}

/**
 * The dashboard as a handler of web requests, to be mounted in any server. It uses the pool only while it is asked.
 *
 * @throws LamplighterError CONFIG_INVALID
 */
export function createDashboard(options: DashboardOptions): Dashboard {
  const { pool, authorise, isReadOnly = false, traceUrl, allowedHosts, log = silentLogger } = options;
  if (typeof authorise !== 'function') {
    const expected = 'authorise: expected a function that says who asks and what they may do';
    throw new LamplighterError('CONFIG_INVALID', `${expected}, got ${showValue(authorise)}`);
  }
  const dashboard = openDashboard({
    db: createPooledDb(pool),
    basePath: parseBasePath(options.basePath ?? '/'),
    authorise,
    isReadOnly,
    traceUrl: traceUrl === undefined ? undefined : parseTraceUrl(traceUrl),
    isKnownHost: allowedHosts === undefined ? undefined : (hostname) => allowedHosts.includes(hostname),
    isPermanent: false,
    listSettings: listDatabaseSettings,
    log,
  });
  return Object.assign((request: Request) => dashboard.handle(request), { close: () => dashboard.stop() });
}

/** The path with a slash at both ends. @throws LamplighterError CONFIG_INVALID */
function parseBasePath(text: string): string {
  const path = `/${text.replaceAll(/^\/+|\/+$/g, '')}/`.replace('//', '/');
  if (/^[\w/.~-]+$/.test(path) && !/\/\.{0,2}\//.test(path)) return path;
  throw new LamplighterError(
    'CONFIG_INVALID',
    `basePath: expected a path such as /lamplighter, got ${showValue(text)}`,
  );
}

/** @throws LamplighterError CONFIG_INVALID */
function parseTraceUrl(text: string): string {
  const reading = readTraceUrl(text);
  if ('value' in reading) return reading.value;
  throw new LamplighterError('CONFIG_INVALID', `traceUrl: expected ${reading.expected}, got ${showValue(text)}`);
}
