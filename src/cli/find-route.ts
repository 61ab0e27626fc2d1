import { connectClient } from '../db/connection/connect-client.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import { detectRoute, type Route } from '../db/connection/pooler-detection.ts';
import type { Session } from '../db/session.ts';
import type { Invocation } from './cli-command.ts';

/** What is between this program and the server; opens a second session for the time of the look when something is. */
export async function findRoute(
  { interruption, log }: Pick<Invocation, 'interruption' | 'log'>,
  settings: ConnectionSettings,
  session: Session,
): Promise<Route> {
  const probes: Session[] = [];
  try {
    return await detectRoute(session, async () => {
      const probe = await connectClient(settings, { applicationName: 'lamplighter', signal: interruption.first, log });
      probes.push(probe);
      return probe;
    });
  } finally {
    await Promise.all(probes.map((probe) => probe.end()));
  }
}
