import type { ComponentChildren } from 'preact';
import type { Answer } from '../server/use-answer.ts';
import { Icon } from './icon.tsx';

/** What stands in the place of rows when there are none. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children === undefined ? null : <div class="empty-text">{children}</div>}
    </div>
  );
}

/** Why something could not be read, and the way to try again. */
export function Failure({ answer }: { readonly answer: Answer<unknown> }) {
  const { refusal } = answer;
  if (refusal === undefined) return null;
  return (
    <div class="failure" role="alert">
      <Icon name="error" />
      <div class="failure-text">
        <p>{refusal.message}</p>
        {refusal.hint === undefined ? null : <p class="soft">{refusal.hint}</p>}
      </div>
      <button type="button" class="button" onClick={answer.reload}>
        Try again
      </button>
    </div>
  );
}

/** Lines in the place and height of what is being read. */
export function Loading({ lines }: { readonly lines: number }) {
  return (
    <div class="loading" aria-busy="true">
      <span class="unseen">Loading</span>
      {Array.from({ length: lines }, (_, at) => (
        <div key={at} class={`loading-line loading-line-${at % 4}`} />
      ))}
    </div>
  );
}
