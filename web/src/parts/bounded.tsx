import type { BoundedCount } from '../../../src/dashboard/api.ts';
import { showBounded } from '../format/numbers.ts';
import { showAgo, showSpan } from '../format/times.ts';

/** Older than this, the age of a count is shown with it. */
const FRESH_MS = 5000;

/** A count, with its age where that matters: > 100,000, 12 s ago. */
export function Bounded({ count }: { readonly count: BoundedCount }) {
  return (
    <span class="number" title={`Counted ${count.ageMs < 1000 ? 'now' : `${showSpan(count.ageMs)} ago`}`}>
      {showBounded(count)}
      {count.ageMs > FRESH_MS ? <span class="soft count-age">, {showAgo(count.ageMs)}</span> : null}
    </span>
  );
}
