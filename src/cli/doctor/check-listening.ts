import { systemClock } from '../../core/clock.ts';
import { silentLogger } from '../../core/log.ts';
import { startListener } from '../../db/listener.ts';
import type { ServerCheck } from './check.ts';

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
