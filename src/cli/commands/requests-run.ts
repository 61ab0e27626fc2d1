import type { Client } from '../../client/client.ts';
import { createClient } from '../../client/create-client.ts';
import type { GenerateOptions } from '../../client/enqueuer.ts';
import type { RequestId } from '../../client/request-id.ts';
import type { Reading } from '../../core/config/option-values.ts';
import { DURATION_FORM, parseDuration } from '../../core/duration.ts';
import { hasCode, LamplighterError } from '../../core/errors.ts';
import { toPrintable } from '../../core/printable.ts';
import { REQUEST_FUNCTIONS, type RequestFunction } from '../../core/request-functions.ts';
import { didYouMean } from '../../core/suggest.ts';
import { readRequest } from '../../monitoring/lists/list-requests.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn, listOf, readOption, textOf } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { codeOfInterruption } from '../interruption.ts';
import { readTextFile } from '../read-text-file.ts';
import { withSession } from '../with-session.ts';

const FUNCTION: CliOption = {
  flag: 'function',
  argument: 'function',
  describes: `what is asked for: ${REQUEST_FUNCTIONS.join(', ')}`,
};
const SCHEMA: CliOption = { flag: 'schema', argument: 'json', describes: 'the JSON Schema, for generate_json' };
const PATTERN: CliOption = { flag: 'pattern', argument: 'regex', describes: 'the pattern, for generate_regex' };
const CHOICE: CliOption = {
  flag: 'choice',
  argument: 'text',
  isRepeatable: true,
  describes: 'a choice, for generate_choice',
};
const DOCUMENT: CliOption = {
  flag: 'document',
  argument: 'text',
  isRepeatable: true,
  describes: 'a document, for rerank',
};
const MODEL: CliOption = {
  flag: 'model',
  argument: 'name',
  describes: 'a model that a worker has loaded',
  defaultText: "the worker's choice",
};
const MAX_TOKENS: CliOption = {
  flag: 'max-tokens',
  argument: 'n',
  describes: 'the longest answer, 1 to 4096 tokens',
  defaultText: '512',
};
const PRIORITY: CliOption = { flag: 'priority', argument: 'n', describes: 'higher is sooner', defaultText: '0' };
const FRESH: CliOption = { flag: 'fresh', describes: 'do not take over the result of an equal request' };
const WAIT: CliOption = { flag: 'wait', describes: 'wait for the result and print it' };
const TIMEOUT: CliOption = {
  flag: 'timeout',
  argument: 'duration',
  describes: 'longest wait; the request goes on',
  defaultText: '5m',
};

const DEFAULT_TIMEOUT_MS = 300_000;
/** Of parameters and result each, in characters. */
const MAX_PAYLOAD = 10_000_000;

export const requestsRunCommand: CliCommand = {
  name: 'requests run',
  summary: 'queue a request, and wait for its result',
  details:
    'Queues a request of the role that you are logged in as and prints its id; with --wait it prints the result instead, and exits with 1 ' +
    'if there is none.',
  options: [
    ...CONNECTION_OPTIONS,
    FUNCTION,
    SCHEMA,
    PATTERN,
    CHOICE,
    DOCUMENT,
    MODEL,
    MAX_TOKENS,
    PRIORITY,
    FRESH,
    WAIT,
    TIMEOUT,
    JSON_OPTION,
  ],
  argument: { name: 'text', describes: 'the prompt, the text to embed or the query; - is standard input' },
  examples: [
    {
      command:
        "lamplighter requests run --wait --function rerank --document 'Rain fell.' --document 'He lit the lamps.' 'Who lit them?'",
      does: 'order two documents',
    },
    { command: 'lamplighter requests run --function embed - < report.txt', does: 'queue the text of a file' },
  ],
  logLevel: 'warn',
  async run(invocation) {
    const functionName = readOption(invocation, FUNCTION, readFunction);
    const [text] = invocation.args;
    if (functionName === undefined || text === undefined) {
      throw new LamplighterError('USAGE', 'expected --function and a text', {
        hint: '"lamplighter requests run --help" shows examples.',
      });
    }
    const timeoutMs = readOption(invocation, TIMEOUT, readTimeout) ?? DEFAULT_TIMEOUT_MS;
    const client = createClient({ settings: connectionOf(invocation), log: invocation.log });
    try {
      const id = await enqueue(
        invocation,
        client,
        functionName,
        text === '-' ? readTextFile(text, 'standard input') : text,
      );
      if (isOn(invocation, WAIT)) return await waitFor(invocation, client, id, timeoutMs);
      invocation.terminal.print(isOn(invocation, JSON_OPTION) ? JSON.stringify({ requestId: id }) : id);
      return EXIT.done;
    } finally {
      await client.close();
    }
  },
};

function enqueue(invocation: Invocation, client: Client, name: RequestFunction, text: string): Promise<RequestId> {
  const options = {
    model: textOf(invocation, MODEL),
    priority: readOption(invocation, PRIORITY, readNumber),
    useCache: !isOn(invocation, FRESH),
  };
  const generating: GenerateOptions = { ...options, maxTokens: readOption(invocation, MAX_TOKENS, readNumber) };
  switch (name) {
    case 'embed':
      return client.embed(text, options);
    case 'rerank':
      return client.rerank({ query: text, documents: listOf(invocation, DOCUMENT) }, options);
    case 'generate':
      return client.generate(text, generating);
    case 'generate_json':
      return client.generateJson(
        { prompt: text, schema: readOption(invocation, SCHEMA, readSchema) ?? {} },
        generating,
      );
    case 'generate_regex':
      return client.generateRegex({ prompt: text, pattern: textOf(invocation, PATTERN) ?? '' }, generating);
    case 'generate_choice':
      return client.generateChoice({ prompt: text, choices: listOf(invocation, CHOICE) }, generating);
  }
}

async function waitFor(invocation: Invocation, client: Client, id: RequestId, timeoutMs: number): Promise<ExitCode> {
  const { interruption, terminal } = invocation;
  try {
    await client.wait(id, { timeoutMs, signal: interruption.first });
  } catch (error) {
    if (!interruption.first.aborted || !hasCode(error, 'ABORTED')) throw error;
    terminal.printError(`Request ${id} goes on. To stop it: lamplighter requests cancel ${id}`);
    return codeOfInterruption(interruption);
  }
  // As it is in its row: a vector has no digits there that the model has not given.
  const record = await withSession(invocation, connectionOf(invocation), (session) =>
    readRequest(session, id, MAX_PAYLOAD),
  );
  terminal.print(isOn(invocation, JSON_OPTION) ? JSON.stringify(record) : toPrintable(record?.result ?? ''));
  return EXIT.done;
}

function readFunction(text: string): Reading<RequestFunction> {
  const value = REQUEST_FUNCTIONS.find((name) => name === text);
  return value === undefined
    ? { expected: `one of ${REQUEST_FUNCTIONS.join(', ')}${didYouMean(text, REQUEST_FUNCTIONS)}` }
    : { value };
}

function readNumber(text: string): Reading<number> {
  return /^-?\d{1,10}$/.test(text) ? { value: Number(text) } : { expected: 'a whole number' };
}

function readSchema(text: string): Reading<object | boolean> {
  try {
    return { value: JSON.parse(text) as object | boolean }; // what else it may be, the server refuses
  } catch {
    return { expected: 'JSON' };
  }
}

function readTimeout(text: string): Reading<number> {
  const value = parseDuration(text);
  return value === undefined ? { expected: DURATION_FORM } : { value };
}
