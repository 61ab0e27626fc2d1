import { type DestinationStream, destination as fileDestination, type Logger as PinoLogger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
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
  return pino({ level, base: null, hooks: { streamWrite: redact }, timestamp: pino.stdTimeFunctions.isoTime }, stream);
}

/** Formats in the calling thread: the last line before an exit is never lost. */
function createPrettyStream(sink: DestinationStream, color: boolean): DestinationStream {
  const format = prettyFactory({ colorize: color, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' });
  return { write: (line) => sink.write(format(toPrintableJson(line))) };
}

/** A logger that writes nothing. */
export const silentLogger: Logger = pino({ level: 'silent' });
