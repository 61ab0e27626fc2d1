import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/log.ts';
import { startListener } from '../../db/listener.ts';
import type { Finding, Patient } from './check.ts';

/** Longer than a connection and a canary may take. */
const TIMEOUT_MS = 20_000;

/** Whether a notification really arrives through whatever is between. */
export async function checkListening({ settings, invocation }: Patient): Promise<Finding[]> {
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
    const signal = AbortSignal.any([decided.signal, invocation.interruption.first]);
    await systemClock.delay(TIMEOUT_MS, signal);
  } finally {
    await listener.stop();
  }
  if (outcome.state === 'listening') return [{ state: 'ok', subject: 'listening', says: 'notifications arrive' }];
  return [
    {
      state: 'warning',
      subject: 'listening',
      says: `${outcome.reason}; workers here poll`,
      fix: 'Give the address of the server itself with --direct-uri or LAMPLIGHTER_DIRECT_URL.',
    },
  ];
}
