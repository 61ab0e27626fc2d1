import type { ComponentChildren, TargetedMouseEvent } from 'preact';
import { addressOf, goTo } from './place.ts';

interface LinkProps {
  /** Relative to the base: `requests?status=failed`. */
  readonly to: string;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly title?: string;
  readonly isCurrent?: boolean;
  readonly label?: string;
  /** The key that follows it. */
  readonly pressedBy?: string;
}

/** A link within the dashboard: a true address, followed without loading the page again. */
export function Link({ to, children, class: className, title, isCurrent, label, pressedBy }: LinkProps) {
  const follow = (event: TargetedMouseEvent<HTMLAnchorElement>) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    goTo(to);
  };
  return (
    <a
      href={addressOf(to)}
      class={className}
      title={title}
      aria-label={label}
      aria-current={isCurrent === true ? 'page' : undefined}
      data-key={pressedBy}
      aria-keyshortcuts={pressedBy}
      onClick={follow}
    >
      {children}
    </a>
  );
}
