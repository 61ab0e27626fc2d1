import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

interface DialogProps {
  readonly title: string;
  readonly children: ComponentChildren;
  /** The buttons; the browser's own dialog keeps the focus inside and closes on Escape. */
  readonly foot?: ComponentChildren;
  readonly isWide?: boolean;
  onClose(): void;
}

export function Dialog({ title, children, foot, isWide, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const close = useRef(onClose);
  close.current = onClose;
  const titleId = useId();
  useEffect(() => {
    const opened = dialog.current;
    if (opened === null) return;
    opened.showModal();
    // The backdrop belongs to the dialog itself; its content lies in other elements.
    opened.addEventListener('click', ({ target }) => {
      if (target === opened) close.current();
    });
    return () => opened.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={isWide === true ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div class="dialog-frame">
        <header class="dialog-head">
          <h2 id={titleId}>{title}</h2>
          <button type="button" class="button-quiet button-icon" title="Close (Esc)" onClick={onClose}>
            <Icon name="close" />
            <span class="unseen">Close</span>
          </button>
        </header>
        <div class="dialog-body">{children}</div>
        {foot === undefined ? null : <footer class="dialog-foot">{foot}</footer>}
      </div>
    </dialog>
  );
}
