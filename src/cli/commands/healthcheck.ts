import { LamplighterError, messageOf } from '../../core/errors.ts';
import type { CliCommand } from '../cli-command.ts';
import { type CliOption, readOption } from '../cli-option.ts';
import { readListenAddress, urlOf } from '../dashboard/listen-address.ts';
import { EXIT } from '../exit.ts';

const HTTP: CliOption = {
  flag: 'http',
  argument: 'address',
  describes: 'where the process answers probes, as its own --http says',
  defaultText: '127.0.0.1:9464',
};
/** Longer than the process waits for its database. */
const ANSWER_MS = 4_000;

export const healthcheckCommand: CliCommand = {
  name: 'healthcheck',
  summary: 'ask a worker or daemon whether it is ready',
  details:
    'Asks /readyz of a process that was started with --http, for supervisors that run commands. Exit 0 when it is ready; exit 1 when it is not, with each ' +
    'failed check on a line, or when there is no answer within 4 s.',
  options: [HTTP],
  examples: [{ command: 'lamplighter healthcheck --http 127.0.0.1:9464', does: 'the worker on this host' }],
  logLevel: 'warn',
  async run(invocation) {
    const { terminal } = invocation;
    const address = readOption(invocation, HTTP, readListenAddress) ?? { host: '127.0.0.1', port: 9_464 };
    const url = `${urlOf(address)}/readyz`;
    const { ready, failed } = await ask(url);
    if (ready) {
      terminal.print('ready');
      return EXIT.done;
    }
    for (const { check, problem } of failed) terminal.print(`${check}: ${problem}`);
    return EXIT.failed;
  },
};

interface Answer {
  readonly ready: boolean;
  readonly failed: readonly { readonly check: string; readonly problem: string }[];
}

async function ask(url: string): Promise<Answer> {
  const { status, text } = await read(url);
  const answer = parse(text);
  if (isAnswer(answer)) return answer;
  throw new LamplighterError(
    'CONNECTION_REFUSED',
    `${url} answers with HTTP ${status}, which is no answer of Lamplighter`,
    {
      hint: 'Another program listens there. Give the address of the --http flag of the worker or daemon.',
    },
  );
}

async function read(url: string): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new LamplighterError('CONNECTION_REFUSED', `${url} does not answer: ${messageOf(cause)}`, {
      cause: error,
      hint: 'Start the worker or daemon with --http and this address.',
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isAnswer(value: unknown): value is Answer {
  return (
    typeof value === 'object' &&
    value !== null &&
    'ready' in value &&
    typeof value.ready === 'boolean' &&
    'failed' in value &&
    Array.isArray(value.failed)
  );
}
