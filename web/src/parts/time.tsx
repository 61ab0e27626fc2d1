import { useEffect, useState } from 'preact/hooks';
import { showAgo, showExactTime, showSpan } from '../format/times.ts';
import { nowMs } from '../server/live.ts';

const tickers = new Set<(ms: number) => void>();
let timer: ReturnType<typeof setTimeout> | undefined;

function tick(): void {
  timer = undefined;
  if (tickers.size === 0) return;
  for (const ticker of tickers) ticker(nowMs());
  timer = setTimeout(tick, 1000);
}

/** The time of the database, each second; all that tell time tell the same. */
export function useNow(): number {
  const [now, setNow] = useState(nowMs);
  useEffect(() => {
    tickers.add(setNow);
    if (timer === undefined) timer = setTimeout(tick, 1000);
    return () => {
      tickers.delete(setNow);
    };
  }, []);
  return now;
}

/** How long ago it was; exactly, in local time, when pointed at. */
export function Ago({ at }: { readonly at: string | undefined }) {
  const now = useNow();
  if (at === undefined) return <span class="nothing">–</span>;
  return (
    <time dateTime={at} title={showExactTime(at)}>
      {showAgo(now - Date.parse(at))}
    </time>
  );
}

/** Exactly, in local time with its zone. */
export function ExactTime({ at }: { readonly at: string | undefined }) {
  if (at === undefined) return <span class="nothing">–</span>;
  return <time dateTime={at}>{showExactTime(at)}</time>;
}

/** From one moment to another, or until now while it lasts. */
export function Span({ from, to }: { readonly from: string | undefined; readonly to: string | undefined }) {
  const now = useNow();
  if (from === undefined) return <span class="nothing">–</span>;
  return <span class="number">{showSpan((to === undefined ? now : Date.parse(to)) - Date.parse(from))}</span>;
}

/** How long something has lasted, in its largest unit. */
export function Lasting({ since }: { readonly since: string }) {
  const now = useNow();
  return (
    <time dateTime={since} title={`since ${showExactTime(since)}`}>
      {showAgo(Math.max(1000, now - Date.parse(since))).replace(' ago', '')}
    </time>
  );
}
