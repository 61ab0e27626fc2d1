import { useState } from 'preact/hooks';
import { showMany } from '../format/numbers.ts';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { useMay } from '../server/session.ts';
import { act } from './act.ts';
import { ACTIONS, type Action, type Kind } from './actions.ts';

interface ActionButtonsProps {
  readonly kind: Kind;
  /** Those that do something; none is shown that cannot. */
  readonly actions: readonly Action[];
  readonly ids: readonly string[];
  onDone?(action: Action): void;
}

/** The actions on one row or on a selection, as far as whoever looks may do them. Deleting asks first. */
export function ActionButtons({ kind, actions, ids, onDone }: ActionButtonsProps) {
  const rights = { operate: useMay('operate'), admin: useMay('admin') };
  const [busy, setBusy] = useState<Action | undefined>();
  const [isAsking, setAsking] = useState(false);
  const perform = async (action: Action) => {
    setBusy(action);
    await act(kind, action, ids);
    setBusy(undefined);
    setAsking(false);
    onDone?.(action);
  };
  const allowed = actions.filter((action) => rights[ACTIONS[action].right]);
  if (allowed.length === 0) return null;
  const what = showMany(ids.length, kind === 'requests' ? 'request' : 'task');
  return (
    <div class="actions">
      {allowed.map((action) => {
        const { verb, icon, key } = ACTIONS[action];
        return (
          <button
            key={action}
            type="button"
            class="button"
            data-key={key}
            aria-keyshortcuts={key}
            title={`${verb} (${key})`}
            disabled={busy !== undefined}
            onClick={() => (action === 'delete' ? setAsking(true) : void perform(action))}
          >
            <Icon name={icon} /> {verb}
          </button>
        );
      })}
      {isAsking ? (
        <Dialog
          title={`Delete ${what}?`}
          onClose={() => setAsking(false)}
          foot={
            <>
              <button type="button" class="button" onClick={() => setAsking(false)}>
                Keep
              </button>
              <button
                type="button"
                class="button button-bad"
                disabled={busy !== undefined}
                onClick={() => void perform('delete')}
              >
                Delete {what}
              </button>
            </>
          }
        >
          <p>{ACTIONS.delete.meaning}</p>
        </Dialog>
      ) : null}
    </div>
  );
}
