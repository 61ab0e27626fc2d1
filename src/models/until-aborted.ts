/**
 * Settles as `promise` does, or rejects with the signal's reason `graceMs` after it aborted, whichever comes first.
 *
 * A promise that is left behind stays owned: its late rejection is not reported as unhandled.
 */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal, graceMs = 0): Promise<T> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const giveUp = () => reject(signal.reason);
    const startGrace = () => {
      if (graceMs > 0) timer = setTimeout(giveUp, graceMs);
      else giveUp();
    };
    const release = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', startGrace);
    };
    promise.then(resolve, reject).finally(release);
    if (signal.aborted) startGrace();
    else signal.addEventListener('abort', startGrace, { once: true });
  });
}
