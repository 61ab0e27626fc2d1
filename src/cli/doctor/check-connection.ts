import { isLamplighterError, messageOf } from '../../core/errors.ts';
import { connectClient } from '../../db/connect-client.ts';
import { describeConnection } from '../../db/connection-text.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { requireWritableServer } from '../../db/migrate/writable-server.ts';
import type { Session } from '../../db/session.ts';
import { findRoute } from '../find-route.ts';
import { renderAge } from '../render-age.ts';
import type { Finding, Patient } from './check.ts';

interface FactsRow {
  version: string;
  is_encrypted: boolean;
  now_s: string;
  notification_queue_usage: string;
}

/** Beyond this, log lines of hosts and times in tables are hard to bring together. */
const SKEW_LIMIT_MS = 1_000;
/** At a half, events are dropped. */
const NOTIFICATION_QUEUE_LIMIT = 0.4;

/** The way to the server, the server itself and its clock. */
export async function checkConnection(patient: Patient): Promise<Finding[]> {
  const { session, settings, invocation } = patient;
  const sentMs = Date.now();
  const [facts] = (await session.query<FactsRow>(loadQuery('read_server_facts'))).rows;
  if (facts === undefined) throw new Error('read_server_facts returned no row');
  const wayMs = Date.now() - sentMs;
  const route = await findRoute(invocation, settings, session);
  const encryption = facts.is_encrypted ? 'encrypted' : 'not encrypted';
  const through = { direct: 'direct', pooled: 'through a proxy', 'transaction-pooled': 'through a transaction pooler' };
  return [
    {
      state: 'ok',
      subject: 'connection',
      says: `${describeConnection(settings)} (from ${settings.origin}), ${through[route]}, ${encryption}, ${renderAge(wayMs)} there and back`,
    },
    ...(settings.warnings ?? []).map((says): Finding => ({ state: 'warning', subject: 'connection', says })),
    ...(await checkDirect(patient)),
    await checkServer(session, facts.version),
    clockFinding(Number(facts.now_s) * 1_000 - (sentMs + wayMs / 2), wayMs),
    ...notificationQueueFinding(Number(facts.notification_queue_usage)),
  ];
}

async function checkDirect({ settings, invocation }: Patient): Promise<Finding[]> {
  const { direct } = settings;
  if (direct === undefined) return [];
  const subject = 'direct connection';
  const place = `${describeConnection(direct)} (from ${direct.origin})`;
  try {
    const session = await connectClient(direct, { signal: invocation.interruption.first });
    const route = await findRoute(invocation, direct, session).finally(() => session.end());
    return route === 'transaction-pooled'
      ? [
          {
            state: 'warning',
            subject,
            says: `${place} leads through a transaction pooler`,
            fix: 'Give the address of the server itself.',
          },
        ]
      : [{ state: 'ok', subject, says: place }];
  } catch (error) {
    return [{ state: 'broken', subject, says: messageOf(error), fix: `Correct or take away ${direct.origin}.` }];
  }
}

/** A worker refuses to start where nothing can be written. */
async function checkServer(session: Session, version: string): Promise<Finding> {
  const subject = 'server';
  const says = `PostgreSQL ${version}`;
  try {
    await requireWritableServer(session);
    return { state: 'ok', subject, says };
  } catch (error) {
    if (!isLamplighterError(error)) throw error;
    return { state: 'broken', subject, says: `${says}. ${error.message}`, fix: error.hint };
  }
}

function clockFinding(skewMs: number, wayMs: number): Finding {
  const subject = 'clock';
  if (Math.abs(skewMs) <= SKEW_LIMIT_MS + wayMs / 2) {
    return { state: 'ok', subject, says: `${renderAge(Math.abs(skewMs))} apart from the server's` };
  }
  return {
    state: 'warning',
    subject,
    says: `${renderAge(Math.abs(skewMs))} ${skewMs > 0 ? 'behind' : 'ahead of'} the server's; nothing depends on it, but logs are hard to compare`,
    fix: 'Keep both hosts in time (NTP).',
  };
}

function notificationQueueFinding(usage: number): Finding[] {
  if (usage < NOTIFICATION_QUEUE_LIMIT) return [];
  return [
    {
      state: 'warning',
      subject: 'notifications',
      says: `the server's notification queue is ${Math.round(usage * 100)} % full; at 50 % events are dropped`,
      fix: 'End the session that listens and never reads: see pg_stat_activity for the oldest one in a transaction.',
    },
  ];
}
