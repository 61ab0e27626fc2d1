import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ask, Refusal } from './ask.ts';
import { onChange, type Topic } from './live.ts';

/** What a route answered last. While another address loads, `data` is the former answer and `isStale` says so: nothing jumps. */
export interface Answer<Data> {
  readonly data: Data | undefined;
  readonly refusal: Refusal | undefined;
  readonly isStale: boolean;
  reload(): void;
}

/** Between the beginnings of two reads for changes, so that a busy queue does not flicker. With what the server takes to notice, a change is on
 * screen within a second. */
const PAUSE_MS = 400;

interface Held<Data> {
  readonly route: string;
  readonly data?: Data | undefined;
  readonly refusal?: Refusal | undefined;
}

/**
 * Reads a route, and again whenever one of the topics changed, or every `everyMs` where things change that nobody commits. Never twice at a
 * time: a change while it is being read is read after it. Without a route nothing is asked.
 */
export function useAnswer<Data>(
  route: string | undefined,
  topics: readonly Topic[],
  options: { readonly everyMs?: ((data: Data) => number | undefined) | undefined } = {},
): Answer<Data> {
  const [held, setHeld] = useState<Held<Data> | undefined>();
  const reader = useRef<() => void>(() => undefined);
  const every = useRef(options.everyMs);
  every.current = options.everyMs;
  const topicList = topics.join(' ');

  useEffect(() => {
    if (route === undefined) return;
    const ending = new AbortController();
    let isReading = false;
    let isDue = false;
    let isPutOff = false;
    let beganMs = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        // A hidden page asks for nothing, and makes up for it when it is seen.
        if (document.hidden) isPutOff = true;
        else void read();
      }, ms);
    };
    const makeUp = () => {
      if (document.hidden || !isPutOff) return;
      isPutOff = false;
      void read();
    };
    const read = async () => {
      if (isReading) {
        isDue = true;
        return;
      }
      isReading = true;
      isDue = false;
      beganMs = Date.now();
      clearTimeout(timer);
      let nextMs: number | undefined;
      try {
        const data = await ask<Data>(route, { signal: ending.signal });
        if (ending.signal.aborted) return;
        setHeld({ route, data });
        nextMs = every.current?.(data);
      } catch (error) {
        if (ending.signal.aborted) return;
        const refusal = error instanceof Refusal ? error : new Refusal(0, 'UNEXPECTED', String(error));
        setHeld((former) => ({ route, refusal, data: former?.route === route ? former.data : undefined }));
      } finally {
        isReading = false;
      }
      if (isDue) changed();
      else if (nextMs !== undefined) again(nextMs);
    };
    const changed = () => {
      if (isReading) isDue = true;
      else again(Math.max(0, beganMs + PAUSE_MS - Date.now()));
    };
    reader.current = () => void read();
    const topicsHeard = topicList.split(' ') as Topic[]; // joined above
    const unhear = onChange(topicsHeard, changed);
    document.addEventListener('visibilitychange', makeUp);
    void read();
    return () => {
      document.removeEventListener('visibilitychange', makeUp);
      unhear();
      clearTimeout(timer);
      ending.abort();
    };
  }, [route, topicList]);

  const reload = useCallback(() => reader.current(), []);
  const isStale = held !== undefined && held.route !== route;
  return { data: held?.data, refusal: isStale ? undefined : held?.refusal, isStale, reload };
}
