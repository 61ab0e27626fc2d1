import type { Readable } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';

/** Characters of one line, and lines, that are kept. */
const LINE_LIMIT = 500;
const KEPT_LINES = 30;
/** Lines that are logged in one minute; the rest is counted. */
const LINES_A_MINUTE = 20;
const MINUTE_MS = 60_000;
/** The line that says why, among those that native code and Node print as they end. */
const REASON = /error|fatal|assert|abort|terminat|failed/i;

/** What an engine prints, which is never meant for the program's own output. */
export interface EngineOutput {
  /** Reads a stream to its end. */
  read(stream: Readable | null | undefined): void;
  /** The last line that says why it ended, or else the last one; undefined where it said nothing. */
  lastWords(): string | undefined;
}

/** Keeps the last lines, and logs them at `debug`, 20 a minute at most. */
export function createEngineOutput(log: Logger, clock: Clock): EngineOutput {
  const kept: string[] = [];
  let sinceMs = clock.nowMs();
  let count = 0;
  const take = (line: string) => {
    const text = line.trim().slice(0, LINE_LIMIT);
    if (text === '') return;
    kept.push(text);
    if (kept.length > KEPT_LINES) kept.shift();
    if (clock.nowMs() - sinceMs >= MINUTE_MS) {
      if (count > LINES_A_MINUTE) log.debug({ lines: count - LINES_A_MINUTE }, 'an engine printed more than is logged');
      sinceMs = clock.nowMs();
      count = 0;
    }
    count += 1;
    if (count <= LINES_A_MINUTE) log.debug({ line: text }, 'an engine printed');
  };
  return {
    read(stream) {
      let rest = '';
      stream?.setEncoding('utf8');
      stream?.on('data', (text: string) => {
        const lines = (rest + text).split('\n');
        rest = (lines.pop() ?? '').slice(0, LINE_LIMIT);
        for (const line of lines) take(line);
      });
      stream?.on('end', () => take(rest));
      stream?.on('error', () => undefined);
    },
    lastWords: () => kept.findLast((line) => REASON.test(line)) ?? kept.at(-1),
  };
}
