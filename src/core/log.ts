import { type DestinationStream, destination as fileDestination, type Logger as PinoLogger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { isLamplighterError } from './errors.ts';
import { toPrintableJson } from './printable.ts';
import { redact } from './redact.ts';

export type Logger = PinoLogger;
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LoggerOptions {
  /** @default 'info' */
  readonly level?: LogLevel;
  /** Lines for people instead of JSON. @default false */
  readonly pretty?: boolean;
  /** Colours in pretty lines. @default false */
  readonly color?: boolean;
  /** Where lines go. @default standard error */
  readonly destination?: DestinationStream;
}

/**
 * A logger whose lines never hold a password: each finished line is masked as text (see {@link redact}), so it does not matter how
 * deep in an object, an error or a message a secret sits.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = 'info', pretty = false, color = false } = options;
  const sink = options.destination ?? fileDestination({ fd: 2, sync: true });
  const stream = pretty ? createPrettyStream(sink, color) : sink;
  const err = level === 'debug' ? pino.stdSerializers.err : describeError;
  const timestamp = pino.stdTimeFunctions.isoTime;
  // Words: who reads JSON by eye or by `jq` has no table of numbers at hand.
  const formatters = { level: (label: string) => ({ level: label }) };
  return pino(
    { level, base: null, formatters, hooks: { streamWrite: redact }, serializers: { err }, timestamp },
    stream,
  );
}

/**
 * What an error says, without where: a server's error has its SQL text, and every error its stack, which only level `debug` shows. What
 * can only be a mistake in the program keeps its stack.
 */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = pino.stdSerializers.err(error);
  const code = 'code' in error ? { code: error.code } : {};
  const hint = isLamplighterError(error) && error.hint !== undefined ? { hint: error.hint } : {};
  return { type, message, ...code, ...hint, ...(isMistake(error) ? { stack } : {}) };
}

function isMistake(error: Error): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;
}

/** Formats in the calling thread: the last line before an exit is never lost. */
function createPrettyStream(sink: DestinationStream, color: boolean): DestinationStream {
  const format = prettyFactory({
    colorize: color,
    ignore: 'pid,hostname,lanes,processId,workerId,version,connection,connections,options,work,ranMs',
    messageFormat,
    translateTime: 'SYS:HH:MM:ss.l',
  });
  return { write: (line) => sink.write(format(toPrintableJson(line))) };
}

/** Fields that the message says as well are for JSON. The beginning of the process's id tells the lines of several processes apart. */
function messageFormat(line: Record<string, unknown>, key: string): string {
  const text = String(line[key] ?? '');
  return typeof line['processId'] === 'string' ? `${line['processId'].slice(0, 8)} ${text}` : text;
}

/** A logger that writes nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
