import { createHash, randomBytes } from 'node:crypto';
import type { ServerError } from '../db/task-session/server-error.ts';
import type { TaskSession } from '../db/task-session/task-session.ts';
import type { TextEnd } from '../db/task-session/text-exchange.ts';
import type { ClaimedTask } from './claim-tasks.ts';
import { type BareText, COPY_REFUSAL, classifyText, cutBareText, type TextPart, wholeText } from './classify-text.ts';
import { renderErrorText } from './error-text.ts';
import {
  dressStatements,
  failed,
  type Run,
  type RunHooks,
  settleLoss,
  settleOwnError,
  succeeded,
  type TaskEnd,
} from './run.ts';

const SECRET_BYTES = 32;

/**
 * What the server says of a statement that cannot be in a transaction block, or of a procedure that ends transactions: error and routine.
 * The error alone can come from the text itself, by RAISE or dblink; the routine cannot.
 */
const BLOCK_REFUSALS: Readonly<Record<string, readonly string[]>> = {
  '25001': ['PreventInTransactionBlock', 'call_enum_check_hook', 'call_bool_check_hook', 'ImportSnapshot'],
  '2D000': ['_SPI_commit', '_SPI_rollback'],
};

/**
 * Runs the text of a task in a fresh session of its role, at most once, and exactly once if a transaction can contain it: then an outcome
 * row commits together with its effects. Resolves with the outcome. The caller has to end the session, which the text may have changed. A
 * cancel from outside ends the text and this call.
 *
 * @throws what `noteSession` throws, when nothing has run.
 */
export async function runTask(session: TaskSession, task: ClaimedTask, hooks: RunHooks): Promise<TaskEnd> {
  const run: Run = { session, task, hooks, secret: randomBytes(SECRET_BYTES), guarantee: 'exactly once' };
  const { text } = task;
  const options = {
    parser: hooks.parser,
    standardConformingStrings: session.parameter('standard_conforming_strings') !== 'off',
  };
  const plan = await classifyText(text, options);
  const secretHash = createHash('sha256').update(run.secret).digest();
  if (!(await hooks.noteSession({ secretHash, guarantee: plan.kind === 'bare' ? 'at most once' : 'exactly once' }))) {
    return { kind: 'fenced', guarantee: run.guarantee };
  }
  if (plan.kind === 'refused') return failed(run, plan.message);
  try {
    if (plan.kind === 'bare') return await runBare(run, wholeText(text));
    const end = await runWrapped(run, plan.commitsItself, () => cutBareText(text, options));
    return 'settings' in end ? await runBare(run, end) : end;
  } catch (error) {
    return await settleOwnError(run, error);
  }
}

/** Runs a text in one transaction: first that it was applied, then the text. Or says how the text is to be run outside of one. */
async function runWrapped(
  run: Run,
  commitsItself: boolean,
  cut: () => Promise<BareText | undefined>,
): Promise<TaskEnd | BareText> {
  const { session, task } = run;
  await session.queryAll(
    [
      { text: 'begin read write' },
      // Waits for a predecessor whose COMMIT is under way, and fails with 23505 if that succeeds.
      {
        text: 'select lamplighter.record_task_outcome($1::pg_catalog.int8, $2::pg_catalog.int4, $3::pg_catalog.bytea)',
        params: [task.runId, String(task.attempt), run.secret],
      },
      ...(session.facts.isReadOnlyByDefault ? [{ text: 'set transaction read only' }] : []),
      // The role comes last, as it need not have any right in the schema.
      ...dressStatements(run),
    ],
    { isUnbounded: true },
  );
  const end = await session.run(task.text);
  if (end.kind === 'error' && isBlockRefusal(end.error)) {
    const bareText = await cut();
    if (bareText !== undefined) {
      await session.query('rollback');
      return bareText;
    }
  }
  if (end.kind !== 'done') return settleFailure(run, end);
  if (commitsItself) return end.transaction === 'none' ? settleCommit(run, end, end) : failed(run, NOT_COMMITTED);
  // Only what ends a transaction in a way that is not foreseen: the outcome's row tells, whatever is said here.
  if (end.transaction !== 'open') return failed(run, NOT_COMMITTED);
  const commit = await session.run('commit');
  return commit.kind === 'done' ? settleCommit(run, end, commit) : settleFailure(run, commit);
}

const NOT_COMMITTED = 'the transaction of the text was not committed';

function isBlockRefusal({ code, fields }: ServerError): boolean {
  return BLOCK_REFUSALS[code]?.includes(fields.routine ?? '') === true;
}

/** A COMMIT that has to roll back says so in its tag alone. */
function settleCommit(run: Run, text: TextEnd & { kind: 'done' }, commit: TextEnd & { kind: 'done' }): TaskEnd {
  return commit.commandTag === 'COMMIT' ? succeeded(run, text) : failed(run, NOT_COMMITTED);
}

async function settleFailure(run: Run, end: Exclude<TextEnd, { kind: 'done' }>): Promise<TaskEnd> {
  if (end.kind === 'lost') return settleLoss(run, end.fatal);
  if (end.kind === 'error') return failed(run, renderErrorText(end.error.fields, run.task.text));
  // What it has done so far would stay locked, and is gone before the verdict is.
  await run.session.query('rollback');
  return failed(run, COPY_REFUSAL);
}

const LEFT_OPEN = 'the text left a transaction open; it was rolled back';

/** Runs a text outside of a transaction of ours: at most once, as a mark that is on disk before it begins keeps it from being run again. */
async function runBare(run: Run, bareText: BareText): Promise<TaskEnd> {
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
    if (end.kind !== 'done') return settlePartFailure(run, part, end);
  }
  // The rest is sent in UTF-8, whatever encoding the text would like to have for itself.
  if (session.parameter('client_encoding') !== 'UTF8') await session.query("set client_encoding = 'UTF8'");
  const end = await session.run(rest.text);
  if (end.kind !== 'done') return settlePartFailure(run, rest, end);
  if (end.transaction === 'none') return succeeded(run, end);
  await session.query('rollback');
  return failed(run, LEFT_OPEN);
}

async function settlePartFailure(run: Run, part: TextPart, end: Exclude<TextEnd, { kind: 'done' }>): Promise<TaskEnd> {
  if (end.kind === 'lost') return settleLoss(run, end.fatal);
  if (end.transaction !== 'none') await run.session.query('rollback');
  if (end.kind === 'copy') return failed(run, COPY_REFUSAL);
  const { position, ...fields } = end.error.fields;
  const moved = position === undefined ? fields : { ...fields, position: position + part.charactersBefore };
  return failed(run, renderErrorText(moved, run.task.text));
}
