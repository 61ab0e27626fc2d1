import { useEffect, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

const CONFIRMED_MS = 1500;

/** Puts the text on the clipboard, and says so. Works on plain http as well, where there is no `navigator.clipboard`. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), CONFIRMED_MS);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = async (event: Event) => {
    event.stopPropagation();
    setCopied(await copyText(text));
  };
  return (
    <button type="button" class="button-quiet button-icon" title={`Copy ${what}`} onClick={(event) => void copy(event)}>
      <Icon name={isCopied ? 'done' : 'copy'} />
      <span class="unseen" aria-live="polite">
        {isCopied ? 'Copied' : `Copy ${what}`}
      </span>
    </button>
  );
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'unseen';
    // Inside an open dialog nothing outside of it can be selected.
    const place = document.querySelector('dialog[open]') ?? document.body;
    place.append(area);
    area.select();
    const isDone = document.execCommand('copy');
    area.remove();
    return isDone;
  }
}
