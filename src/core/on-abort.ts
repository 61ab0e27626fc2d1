const listening = new WeakMap<AbortSignal, { readonly listeners: Set<() => void>; readonly abort: () => void }>();

/**
 * Calls `listener` when the signal aborts, unless the function that comes back was called before. However many wait for one signal, it has
 * one listener of ours: from the eleventh on Node would warn of a leak.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => undefined;
  const shared = listening.get(signal) ?? listen(signal);
  // Its own, as the same function may be given twice.
  const call = () => listener();
  shared.listeners.add(call);
  return () => {
    if (!shared.listeners.delete(call) || shared.listeners.size > 0) return;
    listening.delete(signal);
    signal.removeEventListener('abort', shared.abort);
  };
}

function listen(signal: AbortSignal) {
  const listeners = new Set<() => void>();
  const abort = () => {
    listening.delete(signal);
    for (const call of listeners) call();
  };
  const shared = { listeners, abort };
  listening.set(signal, shared);
  signal.addEventListener('abort', abort, { once: true });
  return shared;
}
