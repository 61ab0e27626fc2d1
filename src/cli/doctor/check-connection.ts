import { systemClock } from '../../core/clock.ts';
import { isLamplighterError, messageOf } from '../../core/errors.ts';
import { silentLogger } from '../../core/log.ts';
import { connectClient } from '../../db/connection/connect-client.ts';
import { describeConnection } from '../../db/connection/connection-text.ts';
import { startListener } from '../../db/listener.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { requireWritableServer } from '../../db/migrate/writable-server.ts';
import { findRoute } from '../find-route.ts';
import { renderAge } from '../render-units.ts';
import type { Finding, Patient, ServerCheck } from './check.ts';

interface FactsRow {
  version: string;
  is_encrypted: boolean;
  now_s: string;
  notification_queue_usage: string;
}

/** Beyond this, log lines of hosts and times in tables are hard to bring together. */
const SKEW_LIMIT_MS = 1_000;

/** The way to the server. */
export const connectionCheck: ServerCheck = {
  name: 'connection',
  looksAt: 'the address, what is between, encryption, how long an answer takes',
  needs: 'server',
  async run(patient) {
    const { session, settings, invocation } = patient;
    const { facts, wayMs } = await readFacts(patient);
    const route = await findRoute(invocation, settings, session);
    const encryption = facts.is_encrypted ? 'encrypted' : 'not encrypted';
    const through = {
      direct: 'direct',
      pooled: 'through a proxy',
      'transaction-pooled': 'through a transaction pooler',
    };
    return [
      {
        state: 'ok',
        message: `${describeConnection(settings)} (from ${settings.origin}), ${through[route]}, ${encryption}, ${renderAge(wayMs)} there and back`,
      },
      ...(settings.warnings ?? []).map((message): Finding => ({ state: 'warning', message })),
    ];
  },
};

async function readFacts({ session }: Patient): Promise<{ facts: FactsRow; sentMs: number; wayMs: number }> {
  const sentMs = Date.now();
  const [facts] = (await session.query<FactsRow>(loadQuery('read_server_facts'))).rows;
  if (facts === undefined) throw new Error('read_server_facts returned no row');
  return { facts, sentMs, wayMs: Date.now() - sentMs };
}

/** The way past a pooler, where one is given. */
export const directConnectionCheck: ServerCheck = {
  name: 'direct-connection',
  looksAt: 'the address of --direct-uri, which has to lead past a transaction pooler',
  needs: 'server',
  async run({ settings, invocation, signal }) {
    const { direct } = settings;
    if (direct === undefined) return [];
    const place = `${describeConnection(direct)} (from ${direct.origin})`;
    try {
      const session = await connectClient(direct, { signal });
      const route = await findRoute(invocation, direct, session).finally(() => session.end());
      return route === 'transaction-pooled'
        ? [
            {
              state: 'warning',
              message: `${place} leads through a transaction pooler`,
              advice: 'Give the address of the server itself.',
            },
          ]
        : [{ state: 'ok', message: place }];
    } catch (error) {
      return [{ state: 'broken', message: messageOf(error), advice: `Correct or remove ${direct.origin}.` }];
    }
  },
};

/** A worker refuses to start where nothing can be written. */
export const serverCheck: ServerCheck = {
  name: 'server',
  looksAt: 'the version of PostgreSQL, and whether anything can be written there',
  needs: 'server',
  async run(patient) {
    const { facts } = await readFacts(patient);
    const message = `PostgreSQL ${facts.version}`;
    try {
      await requireWritableServer(patient.session);
      return [{ state: 'ok', message }];
    } catch (error) {
      if (!isLamplighterError(error)) throw error;
      return [{ state: 'broken', message: `${message}. ${error.message}`, advice: error.hint }];
    }
  },
};

/** This host's clock against the server's. */
export const clockCheck: ServerCheck = {
  name: 'clock',
  looksAt: "this host's time against the server's",
  needs: 'server',
  async run(patient) {
    const { facts, sentMs, wayMs } = await readFacts(patient);
    const skewMs = Number(facts.now_s) * 1_000 - (sentMs + wayMs / 2);
    if (Math.abs(skewMs) <= SKEW_LIMIT_MS + wayMs / 2) {
      return [{ state: 'ok', message: `${renderAge(Math.abs(skewMs))} apart from the server's` }];
    }
    const direction = skewMs > 0 ? 'behind' : 'ahead of';
    return [
      {
        state: 'warning',
        message: `${renderAge(Math.abs(skewMs))} ${direction} the server's; nothing depends on it, but logs are hard to compare`,
        advice: 'Synchronise the clocks of both hosts (NTP).',
      },
    ];
  },
};

/** The server's queue of notifications, which one session that never reads can fill. */
export const notificationsCheck: ServerCheck = {
  name: 'notifications',
  looksAt: "how full the server's notification queue is",
  needs: 'server',
  async run(patient) {
    const usage = Number((await readFacts(patient)).facts.notification_queue_usage);
    if (usage < patient.thresholds.notificationQueueUsage) {
      return [{ state: 'ok', message: `the notification queue is ${Math.round(usage * 100)} % full` }];
    }
    return [
      {
        state: 'warning',
        message: `the server's notification queue is ${Math.round(usage * 100)} % full; at 50 % events are dropped`,
        advice:
          'End the session that listens and stays in a transaction, the oldest first: ' +
          'SELECT pid, usename, application_name, xact_start FROM pg_stat_activity WHERE xact_start IS NOT NULL ORDER BY xact_start',
      },
    ];
  },
};

/** Short of the time limit of a check. */
const TIMEOUT_MS = 2_500;

/** Whether a notification really arrives through whatever is between. */
export const listeningCheck: ServerCheck = {
  name: 'listening',
  looksAt: 'whether a notification arrives, by sending one',
  needs: 'schema',
  async run({ settings, signal }) {
    const decided = new AbortController();
    const outcome: { state: string; reason: string } = {
      state: 'polling',
      reason: `no answer within ${TIMEOUT_MS / 1_000} s`,
    };
    const listener = startListener({
      settings,
      channels: ['steadytext_completed'],
      onEvent: () => undefined,
      onResync: () => undefined,
      onState(state, reason) {
        Object.assign(outcome, { state, reason });
        decided.abort();
      },
      log: silentLogger,
    });
    try {
      const waiting = AbortSignal.any([decided.signal, signal]);
      await systemClock.delay(TIMEOUT_MS, waiting);
    } finally {
      await listener.stop();
    }
    if (outcome.state === 'listening') return [{ state: 'ok', message: 'notifications arrive' }];
    return [
      {
        state: 'warning',
        message: `${outcome.reason}; workers here poll`,
        advice: 'Give the address of the server itself with --direct-uri or LAMPLIGHTER_DIRECT_URL.',
      },
    ];
  },
};
