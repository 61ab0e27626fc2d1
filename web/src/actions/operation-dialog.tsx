import { useEffect, useId, useState } from 'preact/hooks';
import type { Operation, OperationPreview } from '../../../src/dashboard/api.ts';
import { showCount, showMany } from '../format/numbers.ts';
import type { Filter } from '../format/parse-search.ts';
import { Dialog } from '../parts/dialog.tsx';
import { FilterSaid } from '../parts/filter-said.tsx';
import { Icon } from '../parts/icon.tsx';
import { notifyFailure } from '../parts/notices.tsx';
import { Loading } from '../parts/situation.tsx';
import { ask, Refusal } from '../server/ask.ts';
import { useMay } from '../server/session.ts';
import { ACTIONS, type Action, KIND_ACTIONS, type Kind } from './actions.ts';
import { OperationProgress } from './operation-progress.tsx';
import { Samples } from './samples.tsx';

interface OperationButtonProps {
  readonly kind: Kind;
  readonly filter: Filter;
}

/** Opens the dialog for all that match the filter of the list, not only for the rows on the page. */
export function OperationButton({ kind, filter }: OperationButtonProps) {
  const rights = { operate: useMay('operate'), admin: useMay('admin') };
  const [isOpen, setOpen] = useState(false);
  const allowed = KIND_ACTIONS[kind].filter((action) => rights[ACTIONS[action].right]);
  if (allowed.length === 0) return null;
  return (
    <>
      <button type="button" class="button" data-key="a" aria-keyshortcuts="a" onClick={() => setOpen(true)}>
        <Icon name="more" /> All that match
      </button>
      {isOpen ? <OperationDialog kind={kind} filter={filter} actions={allowed} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

interface OperationDialogProps extends OperationButtonProps {
  readonly actions: readonly Action[];
  onClose(): void;
}

type Preview =
  | { readonly action: Action; readonly found: OperationPreview }
  | { readonly action: Action; readonly refusal: string };

function OperationDialog({ kind, filter, actions, onClose }: OperationDialogProps) {
  const [action, setAction] = useState<Action>();
  const [preview, setPreview] = useState<Preview>();
  const [words, setWords] = useState('');
  const [isStarting, setStarting] = useState(false);
  const [started, setStarted] = useState<Operation>();
  const fieldId = useId();
  const thing = kind === 'requests' ? 'request' : 'task';

  useEffect(() => {
    if (action === undefined) return;
    const ending = new AbortController();
    setWords('');
    ask<OperationPreview>('operations/preview', { body: { kind, action, filter }, signal: ending.signal }).then(
      (found) => setPreview({ action, found }),
      (error: unknown) => {
        if (ending.signal.aborted) return;
        setPreview({ action, refusal: error instanceof Refusal ? error.message : String(error) });
      },
    );
    return () => ending.abort();
  }, [action]);

  if (started !== undefined) return <OperationProgress operation={started} onClose={onClose} />;

  const shown = preview?.action === action ? preview : undefined;
  const found = shown !== undefined && 'found' in shown ? shown.found : undefined;
  const isConfirmed = found !== undefined && (found.confirmWords === undefined || found.confirmWords === words.trim());
  const start = async () => {
    if (action === undefined || found === undefined) return;
    setStarting(true);
    try {
      const confirm = found.confirmWords === undefined ? {} : { confirm: words.trim() };
      const body = { kind, action, filter, expectedCount: found.count, ...confirm };
      setStarted(await ask<Operation>('operations', { body }));
    } catch (error) {
      notifyFailure(error);
      setStarting(false);
    }
  };
  return (
    <Dialog
      title={`All ${kind} that match`}
      isWide
      onClose={onClose}
      foot={
        <>
          <button type="button" class="button" onClick={onClose}>
            Close
          </button>
          <button
            type="button"
            class={action === 'delete' ? 'button button-bad' : 'button button-main'}
            disabled={!isConfirmed || found.count === 0 || isStarting}
            onClick={() => void start()}
          >
            {action === undefined || found === undefined
              ? 'Start'
              : `${ACTIONS[action].verb} ${showMany(found.count, thing)}`}
          </button>
        </>
      }
    >
      <div class="filter-said">
        {Object.keys(filter).length === 0 ? (
          <span class="state-warning strong">No filter: this concerns all {kind}.</span>
        ) : (
          <FilterSaid filter={filter} />
        )}
      </div>
      <fieldset class="choices">
        <legend class="field-label">Action</legend>
        {actions.map((each) => (
          <label key={each} class="choice">
            <input type="radio" name="action" value={each} checked={action === each} onChange={() => setAction(each)} />
            <span class="choice-text">
              <span class="strong">{ACTIONS[each].verb}</span>
              <span class="soft">{ACTIONS[each].meaning}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {action === undefined ? null : shown === undefined ? (
        <Loading lines={4} />
      ) : 'refusal' in shown ? (
        <p class="failure" role="alert">
          {shown.refusal}
        </p>
      ) : (
        <>
          <p class="preview-count" role="status">
            <span class="preview-number">{showCount(shown.found.count)}</span>{' '}
            {shown.found.count === 1 ? `${thing} matches` : `${kind} match`} and can be {ACTIONS[action].past}
          </p>
          <Samples samples={shown.found.samples} count={shown.found.count} />
          {shown.found.confirmWords === undefined || shown.found.count === 0 ? null : (
            <div class="field">
              <label class="field-label" for={fieldId}>
                To confirm, type <span class="mono strong">{shown.found.confirmWords}</span>
              </label>
              <input
                id={fieldId}
                class="input"
                type="text"
                value={words}
                spellcheck={false}
                autocomplete="off"
                onInput={(event) => setWords(event.currentTarget.value)}
              />
            </div>
          )}
        </>
      )}
    </Dialog>
  );
}
