import { connectClient } from '../db/connection/connect-client.ts';
import type { ConnectionSettings } from '../db/connection/connection-settings.ts';
import type { Session } from '../db/session.ts';
import type { Invocation } from './cli-command.ts';

/** Opens a session for the time of `work`; an interruption cuts it, and with it the statement that runs, which the server rolls back. */
export async function withSession<T>(
  { interruption, log }: Pick<Invocation, 'interruption' | 'log'>,
  settings: ConnectionSettings,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const signal = interruption.first;
  const session = await connectClient(settings, { applicationName: 'lamplighter', signal, log });
  const cut = () => session.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    return await work(session);
  } finally {
    signal.removeEventListener('abort', cut);
    await session.end();
  }
}
