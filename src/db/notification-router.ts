import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import type { Service } from '../core/service.ts';
import type { ConnectionSettings } from './connection/connection-settings.ts';
import { startListener } from './listener.ts';

/** One who wants notifications. */
export interface NotificationRoute {
  readonly channels: readonly string[];
  /** A hint that something may have happened. The payload is whatever any role sent: text to be parsed with suspicion. */
  onNotification(channel: string, payload: string): void;
  /** Notifications may have been missed: scan everything. */
  onResync(): void;
  /** Whether notifications are heard now; while they are not, poll. False until the first call. */
  onListening(isListening: boolean): void;
}

export interface NotificationRouterOptions {
  readonly settings: ConnectionSettings;
  readonly routes: readonly NotificationRoute[];
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
  /** See `startListener`. */
  readonly withShortSession?: <T>(work: () => Promise<T>) => Promise<T>;
}

/**
 * The one LISTEN session of a process and database: hands each notification to the routes that want its channel. A route that throws keeps
 * nothing from the others. See `startListener` for what becomes of the session.
 */
export function startNotificationRouter(options: NotificationRouterOptions): Service {
  const { settings, routes, log, troubles, clock, withShortSession } = options;

  function tell(to: readonly NotificationRoute[], call: (route: NotificationRoute) => void): void {
    for (const route of to) {
      try {
        call(route);
      } catch (error) {
        log.error({ err: error }, 'a notification could not be handed on');
      }
    }
  }

  return startListener({
    settings,
    channels: [...new Set(routes.flatMap(({ channels }) => channels))],
    onEvent: (channel, payload) =>
      tell(
        routes.filter(({ channels }) => channels.includes(channel)),
        (route) => route.onNotification(channel, payload),
      ),
    onResync: () => tell(routes, (route) => route.onResync()),
    onState: (state) => tell(routes, (route) => route.onListening(state === 'listening')),
    log,
    troubles,
    clock,
    ...(withShortSession === undefined ? {} : { withShortSession }),
  });
}
