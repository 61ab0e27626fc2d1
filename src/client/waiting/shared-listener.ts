import type { Service } from '../../core/service.ts';
import type { ListenerOptions, ListenerState } from '../../db/listener.ts';

export type ListenHooks = Pick<ListenerOptions, 'onEvent' | 'onResync' | 'onState'>;

/** One listening connection for several who want to hear, each its own channel. It is open while anybody does. */
interface SharedListener {
  /** Begins to hear one channel; `stop` of the result ends that. */
  subscribe(channel: string, hooks: ListenHooks): Service;
}

/** @param start - opens the connection, which listens on the channels of all. */
export function createSharedListener(start: (hooks: ListenHooks) => Service): SharedListener {
  const subscribers = new Map<ListenHooks, string>();
  let listener: Service | undefined;
  let state: { readonly state: ListenerState; readonly reason: string } | undefined;

  const each = (call: (hooks: ListenHooks, channel: string) => void) => {
    for (const [hooks, channel] of [...subscribers]) call(hooks, channel);
  };

  function open(): Service {
    const opened: Service = start({
      onEvent: (from, payload) => each((hooks, channel) => channel === from && hooks.onEvent(from, payload)),
      onResync: () => each((hooks) => hooks.onResync()),
      onState(now, reason) {
        if (listener === opened) state = { state: now, reason };
        each((hooks) => hooks.onState(now, reason));
      },
    });
    return opened;
  }

  return {
    subscribe(channel, hooks) {
      subscribers.set(hooks, channel);
      if (listener === undefined) {
        state = undefined;
        listener = open();
      } else if (state !== undefined) {
        hooks.onState(state.state, state.reason);
        hooks.onResync();
      }
      return {
        async stop() {
          subscribers.delete(hooks);
          if (subscribers.size > 0) return;
          const last = listener;
          listener = undefined;
          await last?.stop();
        },
      };
    },
  };
}

/** The public channel on which the end of requests is announced. */
export const COMPLETED_CHANNEL = 'steadytext_completed';

/** The id that an event names, undefined when it names none. Any role can send anything: the id is as good as a rumour. */
export function readCompletedId(payload: string): string | undefined {
  try {
    const event: unknown = JSON.parse(payload);
    if (typeof event !== 'object' || event === null || !('request_id' in event)) return undefined;
    return typeof event.request_id === 'string' ? event.request_id.toLowerCase() : undefined;
  } catch {
    return undefined;
  }
}
