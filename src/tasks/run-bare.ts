import type { TextEnd } from '../db/text-exchange.ts';
import { type BareText, COPY_REFUSAL, type TextPart } from './classify-text.ts';
import { renderErrorText } from './error-text.ts';
import { dressStatements, failed, type Run, settleLoss, succeeded } from './run.ts';
import type { TaskEnd } from './task-end.ts';

const LEFT_OPEN = 'the text left a transaction open; it was rolled back';

/** Runs a text outside of a transaction of ours: at most once, as a mark that is on disk before it begins keeps it from being run again. */
export async function runBare(run: Run, bareText: BareText): Promise<TaskEnd> {
  if (!(await markBare(run))) return { kind: 'fenced', guarantee: run.guarantee };
  run.guarantee = 'at most once';
  return runParts(run, bareText);
}

/** Committed, READ COMMITTED and read-write, whatever the role's defaults are; false where this attempt must not run. */
async function markBare(run: Run): Promise<boolean> {
  const { session, task, secret } = run;
  const [, mark] = await session.queryAll(
    [
      { text: 'begin isolation level read committed read write' },
      {
        text: 'select lamplighter.mark_task_bare($1::pg_catalog.int8, $2::pg_catalog.int4, $3::pg_catalog.bytea) as is_marked',
        params: [task.runId, String(task.attempt), secret],
      },
      { text: 'commit' },
      ...dressStatements(run),
    ],
    { isUnbounded: true },
  );
  return mark?.[0]?.['is_marked'] === 't';
}

async function runParts(run: Run, { settings, rest }: BareText): Promise<TaskEnd> {
  const { session } = run;
  for (const part of settings) {
    const end = await session.run(part.text);
    if (end.kind !== 'done') return settleFailure(run, part, end);
  }
  // The rest is sent in UTF-8, whatever encoding the text would like to have for itself.
  if (session.parameter('client_encoding') !== 'UTF8') await session.query("set client_encoding = 'UTF8'");
  const end = await session.run(rest.text);
  if (end.kind !== 'done') return settleFailure(run, rest, end);
  if (end.transaction === 'none') return succeeded(run, end);
  await session.query('rollback');
  return failed(run, LEFT_OPEN);
}

async function settleFailure(run: Run, part: TextPart, end: Exclude<TextEnd, { kind: 'done' }>): Promise<TaskEnd> {
  if (end.kind === 'lost') return settleLoss(run, end.fatal);
  if (end.transaction !== 'none') await run.session.query('rollback');
  if (end.kind === 'copy') return failed(run, COPY_REFUSAL);
  const { position, ...fields } = end.error.fields;
  const moved = position === undefined ? fields : { ...fields, position: position + part.charactersBefore };
  return failed(run, renderErrorText(moved, run.task.text));
}
