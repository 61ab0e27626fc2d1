import type { RequestRow, TaskRow } from '../../../src/dashboard/api.ts';
import { showCount } from '../format/numbers.ts';
import { shortId } from '../format/short-id.ts';
import { StateMark } from '../parts/state-mark.tsx';
import { Ago } from '../parts/time.tsx';

/** Ten rows of those that are concerned, so that a wrong filter is seen before it acts. */
export function Samples({
  samples,
  count,
}: {
  readonly samples: readonly (RequestRow | TaskRow)[];
  readonly count: number;
}) {
  if (samples.length === 0) return null;
  return (
    <div class="samples">
      <p class="field-label">{samples.length < count ? `${samples.length} of ${showCount(count)}` : 'All of them'}</p>
      <ul class="sample-list">
        {samples.map((row) =>
          'requestId' in row ? (
            <li key={row.requestId} class="sample">
              <StateMark state={row.status} />
              <span class="mono">{shortId(row.requestId)}</span>
              <span class="sample-text cut">
                {row.functionName} <span class="soft">{row.error?.split('\n', 1)[0] ?? row.model}</span>
              </span>
              <Ago at={row.createdAt} />
            </li>
          ) : (
            <li key={row.jobid} class="sample">
              <StateMark state={row.state} />
              <span class="mono">{row.jobid}</span>
              <span class="sample-text cut">
                {row.name} <span class="soft mono">{row.query}</span>
              </span>
              <Ago at={row.queuedAt} />
            </li>
          ),
        )}
      </ul>
    </div>
  );
}
