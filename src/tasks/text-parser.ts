import { Worker } from 'node:worker_threads';
import type { Service } from '../core/service.ts';

/** A longer text is not parsed: it takes 200 ms for each MB, and its tree a hundred times its size. */
export const MAX_PARSED_BYTES = 1_000_000;
const PARSE_MS = 10_000;
/** After that time without work the thread ends: what a large tree took is given back only then. */
const IDLE_MS = 10_000;
/** Room for the tree of the largest text that is parsed; beyond it the thread ends, and the text counts as one that cannot be parsed. */
const THREAD_LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32, stackSizeMb: 8 };

/** One statement of a text: where it stands, and as much of its meaning as running it takes. */
export interface ParsedStatement {
  /** The offset in bytes of UTF-8, white space and comments before the statement included. */
  readonly offset: number;
  /** The length in bytes; 0 for up to the end. */
  readonly length: number;
  readonly kind: StatementKind;
}

/**
 * `begin` and `commit` are the plain ones, without options or AND CHAIN; `control` is all else that begins or ends transactions, savepoints
 * excepted. `set` is SET and RESET for the session; `set-transaction` what only the first statement of a transaction may do. `copy-client`
 * is COPY from or to the client.
 */
export type StatementKind = 'begin' | 'commit' | 'control' | 'set' | 'set-transaction' | 'copy-client' | 'other';

/** PostgreSQL's own parser, in a thread that cannot hold up or end this process. */
export interface TextParser extends Service {
  /** The statements of a text; undefined for one that cannot be parsed, for whatever reason. Never rejects. */
  parse(text: string): Promise<readonly ParsedStatement[] | undefined>;
}

/**
 * Plain JavaScript in a text, so that it needs no file and no loader. The tree stays in the thread: an answer is a few words for each
 * statement. Strings of the server end at a zero byte, which no text has.
 */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const parser = import(workerData);
const CONTROL = new Set(['BEGIN', 'START', 'COMMIT', 'ROLLBACK', 'PREPARE', 'COMMIT_PREPARED', 'ROLLBACK_PREPARED']);
const PER_TRANSACTION = /^transaction_(isolation|read_only|deferrable)$/i;

function kindOf(type, node) {
  if (type === 'TransactionStmt') {
    const verb = node.kind.replace('TRANS_STMT_', '');
    if (!CONTROL.has(verb)) return 'other';
    if ((verb === 'BEGIN' || verb === 'START') && node.options === undefined) return 'begin';
    return verb === 'COMMIT' && !node.chain ? 'commit' : 'control';
  }
  if (type === 'VariableSetStmt') {
    if (/^TRANSACTION/.test(node.name ?? '') || PER_TRANSACTION.test(node.name ?? '')) return 'set-transaction';
    return node.is_local ? 'other' : 'set';
  }
  if (type === 'CopyStmt') return node.filename === undefined && !node.is_program ? 'copy-client' : 'other';
  return 'other';
}

function summarize({ stmt, stmt_location: offset = 0, stmt_len: length = 0 }) {
  const [[type, node]] = Object.entries(stmt);
  return { offset, length, kind: kindOf(type, node) };
}

parentPort.on('message', async (text) => {
  try {
    const { loadModule, parseSync } = await parser;
    await loadModule();
    parentPort.postMessage({ statements: (parseSync(text).stmts ?? []).map(summarize) });
  } catch (error) {
    parentPort.postMessage({ isBroken: error?.name !== 'SqlError' });
  }
});
`;

interface Answer {
  readonly statements?: readonly ParsedStatement[];
  readonly isBroken?: boolean;
}

function ask(thread: Worker, text: string): Promise<Answer> {
  return new Promise((resolve) => {
    const finish = (answer: Answer) => {
      clearTimeout(timer);
      thread.off('message', finish).off('exit', finishWithout);
      resolve(answer);
    };
    const finishWithout = () => finish({ isBroken: true });
    const timer = setTimeout(finishWithout, PARSE_MS);
    thread.once('message', finish).once('exit', finishWithout);
    thread.postMessage(text);
  });
}

/** Starts nothing before the first text. */
export function createTextParser(): TextParser {
  let thread: Worker | undefined;
  let lastParse: Promise<unknown> = Promise.resolve();
  let idle: NodeJS.Timeout | undefined;
  let isStopped = false;

  async function endThread(): Promise<void> {
    clearTimeout(idle);
    const ending = thread;
    thread = undefined;
    await ending?.terminate();
  }

  function startThread(): Worker {
    const started = new Worker(THREAD, {
      eval: true,
      execArgv: [],
      env: {},
      resourceLimits: THREAD_LIMITS,
      workerData: import.meta.resolve('libpg-query'),
      stdout: true,
      stderr: true,
    });
    started.on('error', () => undefined);
    started.once('exit', () => {
      if (thread === started) thread = undefined;
    });
    return started;
  }

  async function parse(text: string): Promise<readonly ParsedStatement[] | undefined> {
    if (isStopped || Buffer.byteLength(text) > MAX_PARSED_BYTES) return undefined;
    clearTimeout(idle);
    thread ??= startThread();
    const asked = thread;
    asked.ref();
    const answer = await ask(asked, text);
    asked.unref();
    // Out of memory or of stack, what is left of the parser is not to be trusted.
    if (answer.isBroken === true) await endThread();
    idle = setTimeout(() => void endThread(), IDLE_MS);
    idle.unref();
    return answer.statements;
  }

  return {
    parse(text) {
      const result = lastParse.then(() => parse(text));
      lastParse = result;
      return result;
    },
    async stop() {
      isStopped = true;
      await endThread();
      await lastParse;
    },
  };
}
