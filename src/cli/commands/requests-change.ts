import { LamplighterError } from '../../core/errors.ts';
import type { Session } from '../../db/session.ts';
import { runInTransaction } from '../../db/transaction.ts';
import { createRequestScan, readRequests } from '../../monitoring/lists/list-requests.ts';
import { scanAll } from '../../monitoring/lists/scan-page.ts';
import type { RequestFilter } from '../../monitoring/shapes.ts';
import { actOnRequests, STATES_OF } from '../../operations/actions.ts';
import { recordAudit } from '../../operations/record-audit.ts';
import { enqueueOperation } from '../../operations/run-operations.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION, YES_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { codeOfInterruption } from '../interruption.ts';
import { printRequests } from '../requests/render-request.ts';
import { parseRequestArgument, REQUEST_FILTER_OPTIONS, requestFilterOf } from '../requests/request-filter-options.ts';
import { workOffOperation } from '../requests/work-off-operation.ts';
import { withSession } from '../with-session.ts';

type Change = 'retry' | 'cancel';

const SAMPLES = 10;
const ACTOR = { source: 'command line' } as const;
const PAST: Readonly<Record<Change, string>> = { retry: 'retried', cancel: 'cancelled' };

export const requestsRetryCommand = defineChange('retry', 'try failed requests again', {
  details: 'Takes failed requests back to pending, with fresh attempts:',
  example: {
    command: 'lamplighter requests retry --function embed --since 1h',
    does: 'what failed lately, after a question',
  },
});

export const requestsCancelCommand = defineChange('cancel', 'cancel requests that have not ended', {
  details: 'Cancels requests that have not ended:',
  example: {
    command: 'lamplighter requests cancel --model nobody/serves-this --yes',
    does: 'all that wait for a model',
  },
});

function defineChange(
  action: Change,
  summary: string,
  { details, example }: { readonly details: string; readonly example: CliCommand['examples'][number] },
): CliCommand {
  const name = `requests ${action}`;
  return {
    name,
    summary,
    details:
      `${details} those that are named, or after a question all that match the flags. The latter is an operation: it goes on in a running ` +
      'worker or dashboard if this command ends. The exit code is 1 if a named one was not changed.',
    options: [...CONNECTION_OPTIONS, ...REQUEST_FILTER_OPTIONS, YES_OPTION, JSON_OPTION],
    argument: { name: 'id', describes: 'the id of a request', isRepeatable: true },
    examples: [{ command: `lamplighter ${name} 0198a5b6-7c1e-7f00-8a51-3f5e6b6ad001`, does: 'one request' }, example],
    logLevel: 'warn',
    async run(invocation) {
      const ids = invocation.args.map(parseRequestArgument);
      const input = requestFilterOf(invocation);
      if ((ids.length === 0) === input.isEmpty) {
        throw new LamplighterError('USAGE', 'expected either ids of requests or flags that say which', {
          hint: `"lamplighter ${name} --help" shows examples.`,
        });
      }
      return withSession(invocation, connectionOf(invocation), async (session) =>
        ids.length > 0
          ? changeNamed(invocation, session, action, ids)
          : changeAll(invocation, session, action, await input.resolve(session)),
      );
    },
  };
}

async function changeNamed(
  invocation: Invocation,
  session: Session,
  action: Change,
  ids: readonly string[],
): Promise<ExitCode> {
  const { terminal } = invocation;
  const outcome = await runInTransaction(session, async (transaction) => {
    const result = await actOnRequests(transaction, action, ids);
    await recordAudit(transaction, ACTOR, { action, kind: 'requests', filter: { ids }, count: result.done });
    return result;
  });
  if (isOn(invocation, JSON_OPTION)) terminal.print(JSON.stringify(outcome));
  else {
    terminal.print(`Requests that were ${PAST[action]}: ${outcome.done}`);
    for (const { id, reason } of outcome.skipped) terminal.print(`  ${id} was not: ${reason}`);
  }
  return outcome.skipped.length === 0 ? EXIT.done : EXIT.failed;
}

async function changeAll(
  invocation: Invocation,
  session: Session,
  action: Change,
  filter: RequestFilter,
): Promise<ExitCode> {
  const { terminal, interruption } = invocation;
  const isJson = isOn(invocation, JSON_OPTION);
  let count = 0;
  const samples: string[] = [];
  for await (const ids of scanAll(createRequestScan(session, filter, STATES_OF.requests[action]), interruption.first)) {
    count += ids.length;
    samples.push(...ids.slice(0, SAMPLES - samples.length));
    terminal.showStatus(`counting: ${count}`);
  }
  terminal.showStatus();
  if (count === 0) {
    terminal.print(isJson ? '{"done":0,"skipped":0}' : `No request matches that could be ${PAST[action]}.`);
    return EXIT.done;
  }
  if (!isOn(invocation, YES_OPTION)) {
    printRequests(terminal, await readRequests(session, samples));
    const answer = await confirm(invocation, action, count);
    if (answer !== 'yes') return answer === 'no' ? EXIT.done : EXIT.interrupted;
  }
  const order = { kind: 'requests', action, filter, expectedCount: count } as const;
  const id = await enqueueOperation(session, ACTOR, order);
  const operation = await workOffOperation(invocation, session, id);
  if (isJson) terminal.print(JSON.stringify(operation));
  if (operation === undefined || operation.state === 'running') {
    terminal.printError(`Operation ${id} goes on in a running worker or dashboard.`);
    return codeOfInterruption(interruption);
  }
  if (!isJson) {
    const { done, skippedFor: left, error } = operation;
    terminal.print(`Requests that were ${PAST[action]}: ${done}`);
    if (operation.skipped > 0) {
      terminal.print(
        `  left: changed ${left.changed}, gone ${left.gone}, locked ${left.held}, refused ${left.refused}`,
      );
    }
    if (error !== undefined) terminal.print(`  ${error}`);
  }
  return operation.state === 'done' ? EXIT.done : EXIT.failed;
}

/** Asks on a terminal; anything but yes leaves everything as it is. */
async function confirm(
  { terminal, interruption }: Invocation,
  action: Change,
  count: number,
): Promise<'yes' | 'no' | 'interrupted'> {
  if (!terminal.isInteractive) {
    throw new LamplighterError('USAGE', `Nothing was ${PAST[action]}: there is no terminal to ask on`, {
      hint: `Add --yes to ${action} all that match: ${count}`,
    });
  }
  const prompts = await import('@clack/prompts');
  const message = `${action === 'retry' ? 'Retry' : 'Cancel'} ${count === 1 ? 'this request' : `all ${count} requests that match`}?`;
  const answer = await prompts.confirm({ message, initialValue: false, signal: interruption.first });
  if (answer === true) return 'yes';
  terminal.print(`Nothing was ${PAST[action]}.`);
  return prompts.isCancel(answer) ? 'interrupted' : 'no';
}
