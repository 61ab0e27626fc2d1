import { pino } from 'pino';

/** One line of a program's log. */
export interface LogLine {
  /** pino's number of what the line has as a word: 30 is info, 40 warn, 50 error. */
  readonly level: number;
  readonly msg: string;
  readonly [key: string]: unknown;
}

export function parseLogLine(text: string): LogLine {
  const line = JSON.parse(text) as { level: string; msg: string }; // the program's own lines
  return { ...line, level: pino.levels.values[line.level] ?? Number.NaN };
}
