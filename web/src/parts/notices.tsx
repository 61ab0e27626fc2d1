import { useEffect, useState } from 'preact/hooks';
import { Refusal } from '../server/ask.ts';
import { Icon } from './icon.tsx';

interface Notice {
  readonly id: number;
  readonly kind: 'done' | 'error';
  readonly text: string;
  readonly hint?: string | undefined;
}

const SHOWN_MS = 6000;
let lastId = 0;
let notices: readonly Notice[] = [];
let watch: ((notices: readonly Notice[]) => void) | undefined;

function set(next: readonly Notice[]): void {
  notices = next;
  watch?.(notices);
}

/** Tells at the edge of the page what came of an action. Errors stay until they are closed. */
export function notify(kind: Notice['kind'], text: string, hint?: string): void {
  lastId += 1;
  const id = lastId;
  set([...notices.slice(-3), { id, kind, text, hint }]);
  if (kind === 'done') setTimeout(() => dismiss(id), SHOWN_MS);
}

export function notifyFailure(error: unknown): void {
  const refusal = error instanceof Refusal ? error : undefined;
  notify('error', error instanceof Error ? error.message : String(error), refusal?.hint);
}

function dismiss(id: number): void {
  set(notices.filter((notice) => notice.id !== id));
}

export function Notices() {
  const [shown, setShown] = useState(notices);
  useEffect(() => {
    watch = setShown;
    return () => {
      watch = undefined;
    };
  }, []);
  return (
    <div class="notices" role="status" aria-live="polite">
      {shown.map(({ id, kind, text, hint }) => (
        <div key={id} class={`notice notice-${kind}`}>
          <Icon name={kind === 'done' ? 'done' : 'error'} />
          <div class="notice-text">
            <p>{text}</p>
            {hint === undefined ? null : <p class="soft">{hint}</p>}
          </div>
          <button type="button" class="button-quiet button-icon" title="Close" onClick={() => dismiss(id)}>
            <Icon name="close" />
            <span class="unseen">Close</span>
          </button>
        </div>
      ))}
    </div>
  );
}
