import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { type Clock, systemClock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import { createTroubles } from '../core/recurring-trouble.ts';
import type { Service } from '../core/service.ts';
import { DATABASE_TROUBLE } from '../db/database-trouble.ts';
import type { Queryable } from '../db/query.ts';
import { type Access, type Authorise, rightsOf } from './access.ts';
import type { Rights, SettingRow } from './api.ts';
import { concealEvent } from './conceal-errors.ts';
import type { DashboardDb } from './dashboard-db.ts';
import { openEventStream } from './event-stream.ts';
import { guardRequest, type HostCheck, SECURITY_HEADERS } from './guard-request.ts';
import { createLive, type Hear, TOPICS } from './live.ts';
import { createOperationRunner } from './operation-runner.ts';
import { loadPageFiles } from './page-files.ts';
import { createReadCache } from './read-cache.ts';
import { createOverviewReader } from './read-overview.ts';
import { Refusal, toErrorAnswer } from './refusal.ts';
import { type DashboardServices, NO_TRANSACTION } from './route.ts';
import { ROUTES } from './routes/routes.ts';

/** What a dashboard is made of. */
export interface DashboardParts {
  readonly db: DashboardDb;
  /** The path of the page, with a slash at both ends. */
  readonly basePath: string;
  readonly authorise: Authorise;
  readonly isReadOnly: boolean;
  /** The address of traces, as readTraceUrl gives it. @default no links */
  readonly traceUrl?: string | undefined;
  readonly isKnownHost: HostCheck;
  /** Goes on with operations even while nobody asks anything. */
  readonly isPermanent: boolean;
  readonly listSettings: (db: Queryable) => Promise<readonly SettingRow[]>;
  /** @default only what looking finds */
  readonly hear?: Hear | undefined;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** The dashboard's server, without a port. */
export interface OpenDashboard extends Service {
  /** Answers whatever is asked; never rejects. */
  handle(request: Request): Promise<Response>;
}

interface Env {
  readonly Variables: { readonly access: Access; readonly rights: Rights };
}

const MAX_BODY_BYTES = 256 * 1024;

/**
 * Joins routes, rights, page and live events into one handler. Whatever is asked goes through the guard against other pages, then through
 * `authorise`, and each route checks its right itself.
 */
export function openDashboard(parts: DashboardParts): OpenDashboard {
  const { db, basePath, authorise, isReadOnly, isKnownHost, listSettings, hear, log, clock = systemClock } = parts;
  const troubles = createTroubles({ log, clock, shared: DATABASE_TROUBLE });
  const readOverview = createOverviewReader();
  const live = createLive({ db, readOverview, hear, trouble: troubles.define('look at the database'), clock });
  const runner = isReadOnly
    ? undefined
    : createOperationRunner({
        db,
        isPermanent: parts.isPermanent,
        onStep: () => live.noteChange(TOPICS),
        trouble: troubles.define('work off operations'),
        clock,
      });
  const cached = createReadCache(clock, () => live.epoch);
  const services: DashboardServices = {
    db,
    isReadOnly,
    traceUrl: parts.traceUrl,
    readOverview,
    listSettings,
    noteChange: () => live.noteChange(TOPICS),
    noteOperation: () => runner?.wake(),
  };
  const app = new Hono<Env>();

  app.use(async ({ req, res, set }, next) => {
    guardRequest(req.raw, isKnownHost);
    const access = await authorise(req.raw);
    if (access === undefined) throw new Refusal('NOT_AUTHENTICATED', 'Who asks is not known here');
    if (access instanceof Response) return access;
    set('access', access);
    set('rights', rightsOf(access, isReadOnly));
    await next();
    return res;
  });
  app.use(`${basePath}api/*`, bodyLimit({ maxSize: MAX_BODY_BYTES, onError: () => refuseSize() }));

  for (const route of ROUTES) {
    app.on(route.method, `${basePath}api${route.path}`, async (context) => {
      const { req } = context;
      const { rights } = context.var;
      const body = route.method === 'POST' ? await readJson(req.raw) : undefined;
      requireRight(rights, typeof route.right === 'function' ? route.right(body) : route.right, isReadOnly);
      const run = () => {
        const given = {
          params: req.param(),
          query: req.query(),
          body,
          rights,
          user: context.var.access.user,
          signal: req.raw.signal,
          dashboard: services,
        };
        if (route.isLong === true) return route.run({ ...given, db: NO_TRANSACTION });
        return route.method === 'GET'
          ? db.read((transaction) => route.run({ ...given, db: transaction }))
          : db.write((transaction) => route.run({ ...given, db: transaction }));
      };
      if (route.method === 'GET') {
        // Whoever began one may be dead, and there may be no worker.
        if (route.path.startsWith('/operations')) runner?.wake();
        const key = JSON.stringify([req.path, req.query(), rights, context.var.access.user]);
        return context.json(await cached(key, run));
      }
      const result = await run();
      services.noteChange();
      return context.json(result);
    });
  }

  app.get(`${basePath}api/events`, ({ var: { rights } }) => {
    requireRight(rights, 'view', isReadOnly);
    // Proxies that gather answers would hold them back.
    const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };
    return new Response(
      openEventStream(live, (event) => concealEvent(event, rights)),
      { headers },
    );
  });
  app.all(`${basePath}api/*`, ({ req }) => {
    throw new Refusal('NOT_FOUND', `The dashboard has no ${req.method} ${req.path}`);
  });

  if (basePath !== '/') app.get(basePath.slice(0, -1), ({ redirect }) => redirect(basePath, 308));
  app.get(`${basePath}*`, async ({ req }) => {
    const files = await loadPageFiles();
    const file = files.find(req.path.slice(basePath.length));
    if (file !== undefined) {
      const caching = file.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache';
      return new Response(new Uint8Array(file.body), {
        headers: { 'content-type': file.contentType, 'cache-control': caching },
      });
    }
    // The page knows its own paths; what looks like a file and is none is no page.
    if (/\.[a-z0-9]{1,8}$/.test(req.path)) throw new Refusal('NOT_FOUND', 'There is no such file');
    return new Response(files.documentFor(basePath), { headers: { 'content-type': 'text/html; charset=utf-8' } });
  });
  app.notFound(() => {
    throw new Refusal('NOT_FOUND', 'There is nothing here');
  });
  app.onError((error) => {
    const { status, body } = toErrorAnswer(error);
    if (status === 500) log.error({ err: error }, 'the dashboard could not answer');
    return Response.json(body, { status });
  });

  return {
    async handle(request) {
      const response = await app.fetch(request);
      // An answer of the caller's may have headers that cannot be changed.
      const answer = new Response(response.body, response);
      for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
        if (!answer.headers.has(name)) answer.headers.set(name, value);
      }
      return answer;
    },
    async stop() {
      await Promise.all([live.stop(), runner?.stop()]);
    },
  };
}

/** @throws Refusal NOT_ALLOWED, READ_ONLY */
function requireRight(rights: Rights, right: keyof Rights, isReadOnly: boolean): void {
  if (rights[right]) return;
  const isChange = right === 'operate' || right === 'admin';
  if (isReadOnly && isChange && rights.view) throw new Refusal('READ_ONLY', 'This dashboard only reads');
  throw new Refusal('NOT_ALLOWED', `You do not have the right "${right}" here`);
}

async function readJson(request: Request): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    throw new Refusal('INVALID', 'expected JSON');
  }
}

function refuseSize(): Response {
  throw new Refusal('TOO_LARGE', `expected at most ${MAX_BODY_BYTES / 1_024} kB`);
}
