import type { ComponentChildren, TargetedMouseEvent } from 'preact';
import { goTo } from '../navigation/place.ts';

export interface Column<Row> {
  readonly title: string;
  /** Not shown, only read out; for columns of buttons. */
  readonly isTitleUnseen?: boolean;
  /** `number` is set flush right; `main` takes what is left and is cut off; `wide` and `narrow` vanish on small screens. */
  readonly class?: string;
  render(row: Row): ComponentChildren;
}

export interface Selection {
  readonly ids: ReadonlySet<string>;
  set(ids: ReadonlySet<string>): void;
}

interface TableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly isStale?: boolean;
  readonly selection?: Selection | undefined;
  keyOf(row: Row): string;
  /** The page of a row; the row as a whole leads there, and a cell of it has the link. */
  pathOf?(row: Row): string;
}

/** Whether a click was meant for something within the row. */
function isForItself(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest('a, button, input, label') !== null;
}

export function Table<Row>({ label, columns, rows, isStale, selection, keyOf, pathOf }: TableProps<Row>) {
  const isAllSelected =
    selection !== undefined && rows.length > 0 && rows.every((row) => selection.ids.has(keyOf(row)));
  const select = (ids: readonly string[], isSelected: boolean) => {
    const next = new Set(selection?.ids);
    for (const id of ids) {
      if (isSelected) next.add(id);
      else next.delete(id);
    }
    selection?.set(next);
  };
  const open = (event: TargetedMouseEvent<HTMLTableRowElement>, row: Row) => {
    if (pathOf === undefined || isForItself(event.target) || (window.getSelection()?.toString() ?? '') !== '') return;
    goTo(pathOf(row));
  };
  return (
    <div class={isStale === true ? 'table-frame stale' : 'table-frame'}>
      <table class={selection === undefined ? 'table' : 'table table-selecting'} aria-label={label}>
        <thead>
          <tr>
            {selection === undefined ? null : (
              <th class="cell-select" scope="col">
                <input
                  type="checkbox"
                  aria-label="Select all rows of this page"
                  checked={isAllSelected}
                  onChange={(event) => select(rows.map(keyOf), event.currentTarget.checked)}
                />
              </th>
            )}
            {columns.map(({ title, isTitleUnseen, class: className }) => (
              <th key={title} class={className} scope="col">
                {isTitleUnseen === true ? <span class="unseen">{title}</span> : title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const key = keyOf(row);
            const isSelected = selection?.ids.has(key) === true;
            return (
              <tr
                key={key}
                class={pathOf === undefined ? undefined : 'row-open'}
                aria-selected={selection === undefined ? undefined : isSelected}
                onClick={(event) => open(event, row)}
              >
                {selection === undefined ? null : (
                  <td class="cell-select">
                    <input
                      type="checkbox"
                      aria-label={`Select ${key}`}
                      checked={isSelected}
                      onChange={(event) => select([key], event.currentTarget.checked)}
                    />
                  </td>
                )}
                {columns.map(({ title, class: className, render }) => (
                  <td key={title} class={className} data-title={title}>
                    {render(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
