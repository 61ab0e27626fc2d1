import { useEffect } from 'preact/hooks';
import { goTo } from './place.ts';

/** The pages by the letter that follows `g`. */
export const PAGES = [
  { letter: 'o', path: '', name: 'Overview', icon: 'overview' },
  { letter: 'r', path: 'requests', name: 'Requests', icon: 'requests' },
  { letter: 't', path: 'tasks', name: 'Tasks', icon: 'tasks' },
  { letter: 'e', path: 'jobs', name: 'Embedding jobs', icon: 'jobs' },
  { letter: 'w', path: 'workers', name: 'Workers', icon: 'workers' },
  { letter: 's', path: 'settings', name: 'Settings', icon: 'settings' },
  { letter: 'p', path: 'operations', name: 'Operations', icon: 'operations' },
  { letter: 'a', path: 'audit', name: 'Audit', icon: 'audit' },
] as const;

/** How long a letter after `g` belongs to it. */
const PAIR_MS = 1200;

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || (/^(input|textarea|select)$/i.test(target.tagName) && !isCheckbox(target));
}

function isCheckbox(target: HTMLElement): boolean {
  return target instanceof HTMLInputElement && target.type === 'checkbox';
}

/** Moves the focus from row to row, by their links. */
function moveRow(by: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>('main tbody tr.row-open')];
  if (rows.length === 0) return false;
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[at === -1 ? (by === 1 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, at + by))];
  next?.querySelector<HTMLElement>('a')?.focus();
  next?.scrollIntoView({ block: 'nearest' });
  return true;
}

function clickFirst(selector: string): boolean {
  const found = document.querySelector<HTMLElement>(selector);
  found?.click();
  return found !== null;
}

/** Acts on a key, and says whether it meant something. */
function act(key: string): boolean {
  if (key === '/') {
    const search = document.querySelector<HTMLInputElement>('input[type="search"]');
    search?.focus();
    search?.select();
    return search !== null;
  }
  if (key === 'j') return moveRow(1);
  if (key === 'k') return moveRow(-1);
  if (key === 'x') {
    const row = document.activeElement?.closest('tr');
    const box = row?.querySelector<HTMLInputElement>('.cell-select input');
    box?.click();
    return box != null;
  }
  // Buttons and links that are on the page say which key presses them.
  return /^[a-z\][]$/.test(key) && clickFirst(`main [data-key="${key}"]:not([disabled])`);
}

/** Everything by keyboard; never while something is being written, or in a dialog, which has keys of its own. */
export function useShortcuts(onHelp: () => void): void {
  useEffect(() => {
    let pairUntilMs = 0;
    const press = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.key === 'Escape' && event.target instanceof HTMLElement && isWriting(event.target)) {
        event.target.blur();
        return;
      }
      if (isWriting(event.target) || document.querySelector('dialog[open]') !== null) return;
      const isSecond = Date.now() < pairUntilMs;
      pairUntilMs = 0;
      if (isSecond) {
        const page = PAGES.find(({ letter }) => letter === event.key);
        if (page !== undefined) {
          event.preventDefault();
          goTo(page.path);
          return;
        }
      }
      if (event.key === 'g') pairUntilMs = Date.now() + PAIR_MS;
      else if (event.key === '?') {
        event.preventDefault();
        onHelp();
      } else if (act(event.key)) event.preventDefault();
    };
    window.addEventListener('keydown', press);
    return () => window.removeEventListener('keydown', press);
  }, [onHelp]);
}
