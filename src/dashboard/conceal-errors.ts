import type {
  ActionOutcome,
  AuditRow,
  JobFailure,
  JobRow,
  LiveEvent,
  Operation,
  Overview,
  RequestDetail,
  RequestRow,
  Rights,
  TaskDetail,
  TaskRow,
} from './api.ts';
import { Refusal } from './refusal.ts';

const LONGEST = 120;
const HIDDEN = '..';
const QUOTED = /"[^"]*"?|'[^']*'?|`[^`]*`?|“[^”]*”?|‘[^’]*’?|«[^»]*»?/g;

/**
 * The kind of an error, without quoted texts: the words of its first line before the first colon, with `..` for quoted parts, addresses and
 * numbers. PostgreSQL, model servers and this program quote texts only after a colon or in quotes; users' own models have to do the same.
 */
export function kindOfError(text: string): string {
  const [line = ''] = text.trimStart().split('\n', 1);
  const [opening = ''] = line
    .slice(0, LONGEST)
    .replaceAll(/\b[a-z][a-z0-9+.-]*:\/\/\S+/gi, HIDDEN)
    .split(/:(?:\s|$)/, 1);
  const kind = opening
    .replaceAll(QUOTED, HIDDEN)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+(\.\d+)?/gi, HIDDEN)
    .trim();
  return kind === '' ? 'an error' : kind;
}

/** A row of requests or tasks, a request or a task whole, with the kinds of its errors alone for whoever may not see payloads. */
export function concealErrors<Row extends RequestRow | RequestDetail | TaskRow | TaskDetail>(
  row: Row,
  { payloads }: Rights,
): Row {
  if (payloads) return row;
  return {
    ...row,
    ...(row.error === undefined ? {} : { error: kindOfError(row.error) }),
    ...('errorText' in row && row.errorText !== undefined ? { errorText: kindOfError(row.errorText) } : {}),
  };
}

/** The same of embedding jobs. */
export function concealJob(job: JobRow, { payloads }: Rights): JobRow {
  return payloads || job.lastError === undefined ? job : { ...job, lastError: kindOfError(job.lastError) };
}

/** The same of a row that a job could not embed. */
export function concealFailure(failure: JobFailure, { payloads }: Rights): JobFailure {
  return payloads ? failure : { ...failure, error: kindOfError(failure.error) };
}

/** The same of why something was left: a trigger of the user's may have said so. */
export function concealOutcome(outcome: ActionOutcome, { payloads }: Rights): ActionOutcome {
  if (payloads) return outcome;
  return { ...outcome, skipped: outcome.skipped.map(({ id, reason }) => ({ id, reason: kindOfError(reason) })) };
}

/** The same of an operation, and of the part of an error that somebody searched for. */
export function concealOperation(operation: Operation, { payloads }: Rights): Operation {
  if (payloads) return operation;
  const { error, ...rest } = operation;
  return { ...concealFilter(rest), ...(error === undefined ? {} : { error: kindOfError(error) }) };
}

export function concealAudit(row: AuditRow, { payloads }: Rights): AuditRow {
  return payloads ? row : concealFilter(row);
}

function concealFilter<Row extends { readonly filter: Readonly<Record<string, unknown>> }>(row: Row): Row {
  return 'error' in row.filter ? { ...row, filter: { ...row.filter, error: HIDDEN } } : row;
}

/** The overview with the kinds of failures instead of their causes: causes of one kind are one. */
export function concealOverview(overview: Overview, { payloads }: Rights): Overview {
  if (payloads) return overview;
  const counts = new Map<string, number>();
  for (const { cause, count } of overview.failures) {
    const kind = kindOfError(cause);
    counts.set(kind, (counts.get(kind) ?? 0) + count);
  }
  const failures = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([cause, count]) => ({ cause, count, link: 'requests?status=failed' }));
  return { ...overview, failures };
}

/** The same of what is told as it happens. */
export function concealEvent(event: LiveEvent, rights: Rights): LiveEvent {
  return event.type === 'sample' ? { ...event, data: concealOverview(event.data, rights) } : event;
}

/**
 * Refuses to search in hidden texts: a user who may search for any part of a text can read it.
 *
 * @throws Refusal NOT_ALLOWED
 */
export function requireVisible(filter: { readonly error?: string }, { payloads }: Rights): void {
  if (filter.error === undefined || payloads) return;
  throw new Refusal('NOT_ALLOWED', 'To search in errors needs the right to see payloads');
}
