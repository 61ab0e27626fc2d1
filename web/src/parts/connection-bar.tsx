import { showAgo, showClock, TIME_ZONE } from '../format/times.ts';
import { tryAgain, useLive } from '../server/live.ts';
import { Icon } from './icon.tsx';
import { useNow } from './time.tsx';

/** Says that what is shown is old, since when, and what cannot be reached. */
export function ConnectionBar() {
  const { connection } = useLive();
  useNow();
  if (connection.state !== 'lost') return null;
  const { sinceMs, what, error } = connection;
  return (
    <div class="lost" role="alert">
      <Icon name="warning" />
      <p>
        <span class="strong">{what === 'server' ? 'The dashboard’s server' : 'The database'} cannot be reached</span>{' '}
        since {showClock(new Date(sinceMs))} ({TIME_ZONE})
        <span aria-hidden="true">, {showAgo(Date.now() - sinceMs)}</span>. What is shown is from before; it is tried
        again every two seconds.
        {error === undefined || what === 'server' ? null : <span class="lost-error mono">{error}</span>}
      </p>
      <button type="button" class="button" onClick={tryAgain}>
        Try now
      </button>
    </div>
  );
}
