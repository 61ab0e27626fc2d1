import { toPrintable } from '../../core/printable.ts';
import type { RequestRecord, RequestRow } from '../../monitoring/shapes.ts';
import { printTable } from '../render-table.ts';
import type { Terminal } from '../terminal.ts';

const HEADER = ['id', 'function', 'model', 'status', 'role', 'queued', 'retries', 'error'];

/** Prints requests as a table. */
export function printRequests(terminal: Terminal, rows: readonly RequestRow[]): void {
  printTable(
    terminal,
    HEADER,
    rows.map((row) => [
      row.requestId,
      row.functionName,
      toPrintable(row.model),
      row.status,
      toPrintable(row.role),
      timeText(row.createdAt),
      String(row.retryCount),
      toPrintable(row.error?.split('\n', 1)[0]?.slice(0, 100) ?? '-'),
    ]),
  );
}

/** Prints all that is known of a request. */
export function printRequest(terminal: Terminal, record: RequestRecord): void {
  const { style } = terminal;
  const time = (text: string | undefined) => (text === undefined ? undefined : timeText(text));
  const lines: readonly (readonly [string, string | undefined])[] = [
    ['function', record.functionName],
    ['model', record.model],
    ['status', record.status],
    ['role', record.role],
    ['priority', String(record.priority)],
    ['queued', time(record.createdAt)],
    ['claimed', time(record.startedAt)],
    ['ended', time(record.completedAt)],
    ['attempts', String(record.attempt)],
    ['retries', String(record.retryCount)],
    ['batch', record.batchId],
    ['worker', record.workerId],
    ['waits for', record.waitsFor],
  ];
  terminal.print(style.bold(`Request ${record.requestId}`));
  for (const [name, value] of lines) {
    if (value !== undefined) terminal.print(`  ${name.padEnd(10)} ${toPrintable(value)}`);
  }
  for (const [name, value] of [
    ['Parameters', record.parameters],
    ['Result', record.result],
    ['Error', record.errorText],
  ] as const) {
    if (value !== undefined) terminal.print(`\n${style.bold(name)}\n${toPrintable(value)}`);
  }
}

function timeText(text: string): string {
  return new Date(text).toISOString();
}
