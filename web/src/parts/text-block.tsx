import { useMemo, useState } from 'preact/hooks';
import { layOutJson } from '../format/json-text.ts';
import { showCount } from '../format/numbers.ts';
import { CopyButton } from './copy-button.tsx';

interface TextBlockProps {
  readonly title: string;
  readonly text: string;
  /** Of the whole, where `text` may be cut. */
  readonly length?: number | undefined;
  readonly kind?: 'text' | 'json' | 'error' | 'sql';
}

/** Longer texts are folded until somebody asks for them. */
const FOLDED_LINES = 24;
/** Colours cost an element each. */
const MAX_COLOURED = 30_000;

/** A text as it is, in the type of a terminal, with a button that copies it. JSON is laid out; what is copied is the original. */
export function TextBlock({ title, text, length, kind = 'text' }: TextBlockProps) {
  const [isWhole, setWhole] = useState(false);
  const pieces = useMemo(
    () => (kind === 'json' && text.length <= MAX_COLOURED ? layOutJson(text) : undefined),
    [kind, text],
  );
  const shown = pieces === undefined ? text : pieces.map((piece) => piece.text).join('');
  const lines = shown.split('\n').length;
  const isLong = lines > FOLDED_LINES || shown.length > 4000;
  const isCut = length !== undefined && length > text.length;
  return (
    <section class={`card text-block text-block-${kind}`} aria-label={title}>
      <header class="card-head">
        <h2 class="card-title">{title}</h2>
        <span class="soft">
          {isCut
            ? `the first ${showCount(text.length)} of ${showCount(length)} characters`
            : `${showCount(text.length)} characters`}
        </span>
        <CopyButton text={text} what={title.toLowerCase()} />
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <pre class={isLong && !isWhole ? 'text folded' : 'text'} tabIndex={0}>
        {pieces === undefined
          ? text
          : pieces.map(({ kind: colour, text: piece }, at) =>
              colour === 'space' ? (
                piece
              ) : (
                <span key={at} class={`json-${colour}`}>
                  {piece}
                </span>
              ),
            )}
      </pre>
      {isLong ? (
        <button type="button" class="button-quiet unfold" onClick={() => setWhole(!isWhole)}>
          {isWhole ? 'Show less' : `Show all ${showCount(lines)} lines`}
        </button>
      ) : null}
    </section>
  );
}
