import { randomUUID } from 'node:crypto';
import type { Logger } from './log.ts';

/**
 * Names this process from its start to its end, whatever leases it holds: on each line of its log, in `lamplighter.worker`, and in the
 * answer of `/readyz`.
 */
export const PROCESS_ID: string = randomUUID();

/** The same log with `processId` on each line. */
export function withProcessId(log: Logger): Logger {
  return 'processId' in log.bindings() ? log : log.child({ processId: PROCESS_ID });
}
