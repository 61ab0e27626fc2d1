import type { CallerAct, CallerJournal } from './callers.ts';
import type { Change } from './journal.ts';
import type { Report } from './violation.ts';

const STEP_OF_ACT: Readonly<Record<CallerAct, (change: Change) => boolean>> = {
  cancel: ({ before, after }) => before?.status !== 'cancelled' && after?.status === 'cancelled',
  retry: ({ before, after }) => before?.status === 'failed' && after?.status === 'pending',
  delete: ({ after }) => after === undefined,
  edit: ({ before, after }) => before?.status === after?.status,
};

/** Checks what callers were told against the journal: `lives` holds the changes of each request, oldest first. */
export function checkCallers(
  callers: CallerJournal,
  lives: ReadonlyMap<string, readonly Change[]>,
  report: Report,
): void {
  checkEnqueues(callers, lives, report);
  for (const { act, requestId, answer } of callers.acts) {
    const happened = (lives.get(requestId) ?? []).some(STEP_OF_ACT[act]);
    if (answer === true && !happened) report('told', requestId, `${act} was answered true, but did not happen`);
  }
  for (const { requestId, status, result } of callers.seen) {
    const isTrue = (lives.get(requestId) ?? []).some(
      ({ after }) => after?.status === status && (result === undefined || after.result === result),
    );
    if (!isTrue) report('told', requestId, `a caller saw it ${status}${result === undefined ? '' : ` with ${result}`}`);
  }
}

function checkEnqueues(
  { enqueues }: CallerJournal,
  lives: ReadonlyMap<string, readonly Change[]>,
  report: Report,
): void {
  const idsByText = new Map<string, string[]>();
  for (const [requestId, [first]] of lives) {
    // The autonomous row of a caller that queues and waits in one transaction.
    if (lives.has(first?.after?.batchId ?? '')) continue;
    const text = first?.text ?? '';
    idsByText.set(text, [...(idsByText.get(text) ?? []), requestId]);
  }
  const called = new Set<string>();
  for (const { text, told, requestId } of enqueues) {
    if (called.has(text)) throw new Error(`the text "${text}" was queued twice by the test itself`);
    called.add(text);
    const ids = idsByText.get(text) ?? [];
    if (told === 'accepted' && (requestId === undefined || !ids.includes(requestId))) {
      report('accepted-ended', requestId, `"${text}" was accepted, but is not in the journal`);
    }
    if (told === 'refused' && ids.length > 0)
      report('queued-once', ids[0], `"${text}" was refused, but is in the journal`);
    if (ids.length > 1)
      report('queued-once', ids[1], `"${text}" was queued once, but is in the journal ${ids.length} times`);
  }
  for (const [text, [requestId]] of idsByText) {
    if (!called.has(text)) report('queued-once', requestId, `nobody queued "${text}"`);
  }
}
