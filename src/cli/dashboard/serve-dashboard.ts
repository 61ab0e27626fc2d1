import { createServer, type Server } from 'node:http';
import { isIP } from 'node:net';
import { hostname as machineName } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import type { Service } from '../../core/service.ts';
import type { SettingRow } from '../../dashboard/api.ts';
import { createDashboardDb } from '../../dashboard/dashboard-db.ts';
import { listDatabaseSettings } from '../../dashboard/database-settings.ts';
import type { Topic } from '../../dashboard/live.ts';
import { toNodeListener } from '../../dashboard/node-listener.ts';
import { openDashboard } from '../../dashboard/open-dashboard.ts';
import type { ConnectionSettings } from '../../db/connection/connection-settings.ts';
import { startListener } from '../../db/listener.ts';
import { createPool } from '../../db/pool.ts';
import type { Invocation } from '../cli-command.ts';
import type { DashboardAccess } from './dashboard-options.ts';
import { type ListenAddress, urlOf } from './listen-address.ts';

export interface DashboardSetup extends DashboardAccess {
  readonly settings: ConnectionSettings;
  /** The settings of the program that it is part of. */
  readonly programSettings: readonly SettingRow[];
}

/** What a notification on each channel is about. */
const TOPIC_OF: Readonly<Record<string, Topic>> = { steadytext_completed: 'requests', lantern_tasks: 'tasks' };

/** A dashboard that listens. */
export interface ServedDashboard extends Service {
  /** Where a browser finds it. */
  readonly url: string;
}

/**
 * Opens the dashboard and listens. Its connections are opened as they are needed, so that it is there while the database is not.
 *
 * @throws LamplighterError PORT_TAKEN
 */
export async function serveDashboard(
  { log }: Pick<Invocation, 'log'>,
  setup: DashboardSetup,
): Promise<ServedDashboard> {
  const { settings, address, authorise, isReadOnly, allowedHosts, traceUrl, programSettings } = setup;
  const pool = createPool(settings, { max: 4, queryTimeoutMs: 15_000, applicationName: 'lamplighter dashboard', log });
  const known = new Set([...allowedHosts, ...(address.isLoopback ? [] : [machineName()]), address.host, 'localhost']);
  const dashboard = openDashboard({
    db: createDashboardDb(pool),
    basePath: '/',
    authorise,
    isReadOnly,
    traceUrl,
    isPermanent: true,
    // Another page can have its name point here, but never an address.
    isKnownHost: (host) => known.has(host) || isIP(host.replaceAll(/^\[|\]$/g, '')) !== 0,
    hear: (onChange) =>
      startListener({
        settings,
        channels: Object.keys(TOPIC_OF),
        onEvent: (channel) => onChange([TOPIC_OF[channel] ?? 'requests']),
        onResync: () => undefined,
        // It looks by itself anyway.
        onState: () => undefined,
        log: log.child({}, { level: 'warn' }),
      }),
    async listSettings(db) {
      return [...programSettings, ...(await listDatabaseSettings(db))];
    },
    log,
  });
  const answer = toNodeListener((request) => dashboard.handle(request));
  const server = createServer((incoming, outgoing) => {
    answer(incoming, outgoing).catch((error: unknown) => {
      log.debug({ err: error }, 'an answer of the dashboard could not be sent');
      outgoing.destroy();
    });
  });
  // Streams of events stay open.
  server.requestTimeout = 60_000;
  try {
    const port = await listen(server, address);
    return {
      url: urlOf({ host: address.host, port }),
      async stop() {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        await dashboard.stop();
        server.closeAllConnections();
        await closed;
        await pool.end();
      },
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function listen(server: Server, { host, port }: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const isTaken = cause.code === 'EADDRINUSE';
      const why = isTaken ? 'another program listens there' : cause.message;
      const hint = 'Choose another address with --listen, such as 127.0.0.1:0 for any free port.';
      reject(
        new LamplighterError(
          isTaken ? 'PORT_TAKEN' : 'USAGE',
          `The dashboard cannot listen on ${host}:${port}: ${why}`,
          { cause, hint },
        ),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
