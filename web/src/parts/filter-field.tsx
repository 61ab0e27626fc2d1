import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { fromLocalInput, TIME_ZONE, toLocalInput } from '../format/times.ts';

export interface Field {
  /** Of the query parameter. */
  readonly name: string;
  readonly label: string;
  readonly kind: 'text' | 'time' | 'choice';
  readonly choices?: readonly string[];
}

const TYPING_MS = 350;

interface FilterFieldProps {
  readonly field: Field;
  readonly value: string;
  onSet(value: string): void;
}

/** One field of the panel of filters. */
export function FilterField({ field, value, onSet }: FilterFieldProps) {
  const { label, kind } = field;
  const id = useId();
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
        {kind === 'time' ? <span class="soft"> {TIME_ZONE}</span> : null}
      </label>
      {kind === 'choice' ? (
        <select id={id} class="select" value={value} onChange={(event) => onSet(event.currentTarget.value)}>
          <option value="">any</option>
          {[...new Set([...(field.choices ?? []), ...(value === '' ? [] : [value])])].map((choice) => (
            <option key={choice} value={choice}>
              {choice}
            </option>
          ))}
        </select>
      ) : kind === 'time' ? (
        <input
          id={id}
          class="input"
          type="datetime-local"
          value={toLocalInput(value)}
          onChange={(event) => onSet(fromLocalInput(event.currentTarget.value))}
        />
      ) : (
        <TextField id={id} value={value} onSet={onSet} />
      )}
    </div>
  );
}

function TextField({ id, value, onSet }: { readonly id: string; readonly value: string; onSet(value: string): void }) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <input
      id={id}
      class="input"
      type="text"
      value={text}
      spellcheck={false}
      autocomplete="off"
      onInput={(event) => {
        const next = event.currentTarget.value;
        setText(next);
        clearTimeout(timer.current);
        timer.current = setTimeout(() => onSet(next.trim()), TYPING_MS);
      }}
    />
  );
}
