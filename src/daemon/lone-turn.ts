/**
 * Keeps what may end the process apart from all else that the daemon asks of models. Turns are taken in the order asked: any number of
 * companions at once, or one alone. Both reject with the signal's reason when that aborts before.
 */
export interface LoneTurn {
  /** Runs beside other companions, while nothing runs alone. */
  among<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T>;
  /** Runs while nothing else does. */
  alone<T>(signal: AbortSignal, run: () => Promise<T>): Promise<T>;
}

interface Waiting {
  readonly isAlone: boolean;
  readonly start: () => void;
}

export function createLoneTurn(): LoneTurn {
  const waiting: Waiting[] = [];
  let companions = 0;
  let isTaken = false;

  const isFree = (isAlone: boolean) => !isTaken && (!isAlone || companions === 0);

  function take(isAlone: boolean): void {
    if (isAlone) isTaken = true;
    else companions += 1;
  }

  function startNext(): void {
    for (let [first] = waiting; first !== undefined && isFree(first.isAlone); [first] = waiting) {
      waiting.shift();
      take(first.isAlone);
      first.start();
    }
  }

  async function takeTurn(isAlone: boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (waiting.length === 0 && isFree(isAlone)) return take(isAlone);
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => {
        waiting.splice(waiting.indexOf(entry), 1);
        startNext();
        reject(signal.reason);
      };
      const entry: Waiting = {
        isAlone,
        start() {
          signal.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.push(entry);
    });
  }

  async function inTurn<T>(isAlone: boolean, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
    await takeTurn(isAlone, signal);
    try {
      return await run();
    } finally {
      if (isAlone) isTaken = false;
      else companions -= 1;
      startNext();
    }
  }

  return {
    among: (signal, run) => inTurn(false, signal, run),
    alone: (signal, run) => inTurn(true, signal, run),
  };
}
