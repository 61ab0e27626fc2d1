import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { type Filter, parseSearch } from '../format/parse-search.ts';
import { showExactTime } from '../format/times.ts';
import { goTo, pathWith } from '../navigation/place.ts';
import { type Field, FilterField } from './filter-field.tsx';
import { Icon } from './icon.tsx';
import { Switch } from './switch.tsx';

interface FilterBarProps {
  /** Of the page, without a query. */
  readonly path: string;
  readonly filter: Filter;
  readonly stateField: string;
  readonly states: readonly string[];
  readonly fields: readonly Field[];
  readonly placeholder: string;
  /** Beside the filter, at the other end: a count, actions. */
  readonly children?: ComponentChildren;
}

const TYPING_MS = 350;

/** Search, states and further filters of a list; the address carries them all. */
export function FilterBar(props: FilterBarProps) {
  const { path, filter, stateField, states, fields, placeholder, children } = props;
  const [isOpen, setOpen] = useState(false);
  const panelId = useId();
  const go = (change: Filter, isReplacing = false) => goTo(pathWith(path, { ...filter, ...change }), { isReplacing });
  const given = fields.filter(({ name }) => name !== 'id' && name !== 'error' && (filter[name] ?? '') !== '');
  return (
    <div class="filters">
      <div class="filter-line">
        <Search filter={filter} fields={fields} placeholder={placeholder} onSearch={go} />
        <button
          type="button"
          class="button"
          data-key="f"
          aria-keyshortcuts="f"
          aria-expanded={isOpen}
          aria-controls={panelId}
          onClick={() => setOpen(!isOpen)}
        >
          <Icon name="filter" /> Filter
          {given.length > 0 ? <span class="count-mark">{given.length}</span> : null}
        </button>
        <Switch
          label="State"
          choices={['', ...states].map((state) => ({
            name: state === '' ? 'all' : state,
            to: pathWith(path, { ...filter, [stateField]: state }),
            isCurrent: (filter[stateField] ?? '') === state,
          }))}
        />
        {children}
      </div>
      <div id={panelId} class="filter-panel" hidden={!isOpen}>
        {isOpen
          ? fields
              .filter(({ name }) => name !== 'id')
              .map((field) => (
                <FilterField
                  key={field.name}
                  field={field}
                  value={filter[field.name] ?? ''}
                  onSet={(value) => go({ [field.name]: value }, true)}
                />
              ))
          : null}
      </div>
      {given.length === 0 ? null : (
        <div class="chips">
          {given.map(({ name, label, kind }) => (
            <button key={name} type="button" class="chip" onClick={() => go({ [name]: '' })}>
              <span class="soft">{label}</span>
              <span class="chip-value">{kind === 'time' ? showExactTime(filter[name] ?? '') : filter[name]}</span>
              <Icon name="close" />
              <span class="unseen">Remove this filter</span>
            </button>
          ))}
          <button type="button" class="button-quiet" onClick={() => goTo(path)}>
            Clear all
          </button>
        </div>
      )}
    </div>
  );
}

interface SearchProps {
  readonly filter: Filter;
  readonly fields: readonly Field[];
  readonly placeholder: string;
  onSearch(change: Filter, isReplacing?: boolean): void;
}

function Search({ filter, fields, placeholder, onSearch }: SearchProps) {
  const names = fields.map(({ name }) => name);
  const said = filter['id'] ?? filter['error'] ?? '';
  const [text, setText] = useState(said);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const input = useRef<HTMLInputElement>(null);
  // The address may change by other ways, such as going back.
  useEffect(() => {
    if (document.activeElement !== input.current) setText(said);
  }, [said]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (next: string) => {
    setText(next);
    clearTimeout(timer.current);
    // A filter that is being written is not whole before Enter.
    if (next.includes(':')) return;
    timer.current = setTimeout(() => onSearch(parseSearch(next, names), true), TYPING_MS);
  };
  return (
    <form
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        clearTimeout(timer.current);
        const change = parseSearch(text, names);
        setText(change['id'] || change['error'] || '');
        onSearch(change);
      }}
    >
      <Icon name="search" />
      <input
        ref={input}
        type="search"
        aria-label="Search"
        aria-keyshortcuts="/"
        placeholder={placeholder}
        value={text}
        spellcheck={false}
        autocomplete="off"
        onInput={(event) => type(event.currentTarget.value)}
      />
      <kbd>/</kbd>
    </form>
  );
}
