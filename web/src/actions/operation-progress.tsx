import { useState } from 'preact/hooks';
import type { Operation } from '../../../src/dashboard/api.ts';
import { showCount } from '../format/numbers.ts';
import { Link } from '../navigation/link.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { Icon } from '../parts/icon.tsx';
import { Meter } from '../parts/meter.tsx';
import { notifyFailure } from '../parts/notices.tsx';
import { StateMark } from '../parts/state-mark.tsx';
import { ask } from '../server/ask.ts';
import { useAnswer } from '../server/use-answer.ts';
import { ACTIONS, type Action } from './actions.ts';

const LOOK_MS = 500;

/** How far an operation has come, in percent: of all that matched once they are collected, before that of those that were expected. */
export function percentOf({ state, done, skipped, matched, isCollected, expectedCount }: Operation): number {
  const all = isCollected ? matched : Math.max(matched, expectedCount);
  if (state === 'done' || all === 0) return 100;
  return Math.min(100, ((done + skipped) / all) * 100);
}

/** Why rows were left as they were: 3 had changed, 1 was held by another transaction. */
export function skippedText({ skippedFor: { changed, gone, held, refused } }: Operation): string {
  const reasons: readonly (readonly [count: number, reason: string])[] = [
    [changed, 'had changed'],
    [gone, 'were gone'],
    [held, 'were locked by others'],
    [refused, 'were refused by the database'],
  ];
  return reasons
    .filter(([count]) => count > 0)
    .map(([count, reason]) => `${showCount(count)} ${reason}`)
    .join(', ');
}

function pastOf(action: string): string {
  return action in ACTIONS ? ACTIONS[action as Action].past : 'done'; // looked up a moment ago
}

/** Stops an operation; what it has done stays done. */
export async function stopOperation(id: string): Promise<void> {
  try {
    await ask(`operations/${encodeURIComponent(id)}/stop`, { body: {} });
  } catch (error) {
    notifyFailure(error);
  }
}

/** Follows an operation. It goes on when the dialog is closed, and when the dashboard ends. */
export function OperationProgress({ operation: began, onClose }: { readonly operation: Operation; onClose(): void }) {
  const [isStopping, setStopping] = useState(false);
  const answer = useAnswer<Operation>(`operations/${encodeURIComponent(began.id)}`, ['operations'], {
    everyMs: ({ state }) => (state === 'running' ? LOOK_MS : undefined),
  });
  const operation = answer.data ?? began;
  const { state, done, skipped, matched, isCollected, isStopRequested, expectedCount, error, action } = operation;
  const isRunning = state === 'running';
  return (
    <Dialog
      title={`${action in ACTIONS ? ACTIONS[action as Action].verb : action} ${operation.kind}`}
      onClose={onClose}
      foot={
        <>
          {isRunning ? (
            <button
              type="button"
              class="button"
              disabled={isStopping || isStopRequested}
              onClick={() => {
                setStopping(true);
                void stopOperation(operation.id).then(answer.reload);
              }}
            >
              <Icon name="stop" /> Stop
            </button>
          ) : null}
          <button type="button" class="button button-main" onClick={onClose}>
            {isRunning ? 'Go on in the background' : 'Close'}
          </button>
        </>
      }
    >
      <div class="progress" aria-live="polite">
        <StateMark state={state} />
        <Meter
          percent={percentOf(operation)}
          label="Progress of the operation"
          tone={state === 'failed' ? 'bad' : isRunning ? 'running' : 'good'}
        />
        <p>
          <span class="strong">{showCount(done)}</span> of {showCount(isCollected ? matched : expectedCount)}{' '}
          {pastOf(action)}
          {isRunning && !isCollected ? <span class="soft">, still collecting what matches</span> : null}
          {skipped > 0 ? (
            <span class="soft">
              , {showCount(skipped)} left: {skippedText(operation)}
            </span>
          ) : null}
        </p>
        {error === undefined ? null : <p class="failure">{error}</p>}
        <p class="soft">
          It goes on without this page; see <Link to="operations">Operations</Link>.
        </p>
      </div>
    </Dialog>
  );
}
