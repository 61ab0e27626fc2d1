import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { Link } from '../navigation/link.tsx';
import { Icon } from './icon.tsx';

interface PageHeadProps {
  readonly title: ComponentChildren;
  /** Of the browser's tab. */
  readonly tab: string;
  readonly parent?: { readonly to: string; readonly name: string };
  /** Beside the title: a count, a state. */
  readonly beside?: ComponentChildren;
  /** Buttons and switches, at the other end. */
  readonly children?: ComponentChildren;
}

export function PageHead({ title, tab, parent, beside, children }: PageHeadProps) {
  useEffect(() => {
    document.title = `${tab} · Lamplighter`;
  }, [tab]);
  return (
    <header class="page-head">
      <div class="page-title">
        {parent === undefined ? null : (
          <span class="crumb">
            <Link to={parent.to}>{parent.name}</Link>
            <Icon name="right" />
          </span>
        )}
        <h1>{title}</h1>
        {beside}
      </div>
      {children === undefined ? null : <div class="page-tools">{children}</div>}
    </header>
  );
}
