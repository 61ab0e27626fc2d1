import { useEffect, useRef } from 'preact/hooks';
import type { Overview, Session } from '../../../src/dashboard/api.ts';
import { showCompact } from '../format/numbers.ts';
import { TIME_ZONE } from '../format/times.ts';
import { Icon } from '../parts/icon.tsx';
import { type Connection, useLive } from '../server/live.ts';
import { Link } from './link.tsx';
import { PAGES } from './shortcuts.ts';

/** What the navigation counts beside a page: what is wrong there, else the work that there is. */
function countOf(path: string, overview: Overview): { readonly count: number; readonly isBad: boolean } {
  const { troubles, lanes, tasks, jobs, workers } = overview;
  const either = (bad: number, all: number) => ({ count: bad > 0 ? bad : all, isBad: bad > 0 });
  switch (path) {
    case '':
      return either(troubles.filter(({ severity }) => severity === 'error').length, troubles.length);
    case 'requests':
      return either(
        0,
        lanes.reduce((sum, { pending, running }) => sum + pending.count + running, 0),
      );
    case 'tasks':
      return either(0, tasks.queued.count + tasks.running);
    case 'jobs':
      return either(jobs.failed, jobs.live + jobs.backfilling);
    case 'workers':
      return either(workers.dead, workers.alive);
    default:
      return either(0, 0);
  }
}

const CONNECTIONS: Readonly<Record<Connection['state'], readonly [word: string, title: string]>> = {
  connecting: ['Connecting', 'The first sample is awaited.'],
  live: ['Live', 'Changes are shown within a second.'],
  polling: ['Polling', 'Something between here and the server holds its stream back; the page asks every two seconds.'],
  resting: ['Resting', 'A hidden page does not ask.'],
  lost: ['Lost', 'What is shown is old.'],
};

interface SidebarProps {
  readonly session: Session | undefined;
  readonly path: string;
  onKeys(): void;
}

export function Sidebar({ session, path, onKeys }: SidebarProps) {
  const { overview, connection } = useLive();
  const [word, title] = CONNECTIONS[connection.state];
  const [current] = path.split('/');
  const nav = useRef<HTMLElement>(null);
  // On a phone the pages are a row that scrolls.
  useEffect(() => {
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [current]);
  return (
    <header class="sidebar">
      <div class="brand">
        <svg class="brand-lamp" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
          <path class="brand-light" d="M11 8h10l2.500 4.500L20 23h-8l-3.500-10.500z" />
          <path class="brand-post" d="M12 26h8M16 4.500V8" />
        </svg>
        <span class="brand-text">
          <span class="brand-name">Lamplighter</span>
          <span class="brand-place" title={session === undefined ? '' : `${session.database} on ${session.host}`}>
            {session === undefined ? '' : `${session.database} @ ${session.host}`}
          </span>
        </span>
      </div>
      <nav ref={nav} class="nav" aria-label="Pages">
        {PAGES.map(({ path: to, name, icon, letter }) => {
          const { count, isBad } = overview === undefined ? { count: 0, isBad: false } : countOf(to, overview);
          return (
            <Link key={to} to={to} class="nav-link" isCurrent={current === to} title={`${name} (g ${letter})`}>
              <Icon name={icon} />
              <span class="nav-name">{name}</span>
              {count === 0 ? null : (
                <span class={isBad ? 'nav-count nav-count-bad' : 'nav-count'}>{showCompact(count)}</span>
              )}
            </Link>
          );
        })}
      </nav>
      <div class="sidebar-foot">
        <div class={`connection connection-${connection.state}`} title={title}>
          <span class="connection-dot" />
          {word}
        </div>
        {session === undefined ? null : (
          <dl class="facts-small">
            <div>
              <dt>Role</dt>
              <dd title={session.role}>{session.role}</dd>
            </div>
            {session.user === undefined ? null : (
              <div>
                <dt>User</dt>
                <dd title={session.user}>{session.user}</dd>
              </div>
            )}
            <div>
              <dt>Sees</dt>
              <dd>
                {session.seesAll ? 'all rows' : 'own rows only'}
                {session.isReadOnly ? ', read only' : ''}
              </dd>
            </div>
            <div>
              <dt>Times</dt>
              <dd title={TIME_ZONE}>{TIME_ZONE}</dd>
            </div>
            <div>
              <dt>Version</dt>
              <dd>{session.version}</dd>
            </div>
          </dl>
        )}
        <button type="button" class="button-quiet keys-button" onClick={onKeys}>
          <Icon name="keys" /> Keyboard <kbd>?</kbd>
        </button>
      </div>
    </header>
  );
}
