import { systemClock } from '../../core/clock.ts';
import type { Session } from '../../db/session.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import { listOperations } from '../../operations/list-operations.ts';
import { runOperations } from '../../operations/run-operations.ts';
import type { Operation } from '../../operations/shapes.ts';
import type { Invocation } from '../cli-command.ts';

const LOOK_MS = 500;

/**
 * Works an operation off, or leaves that to a running worker where the role may not, and shows how far it is. Resolves with it once it has
 * ended, or as it is when the command is interrupted: a worker goes on then.
 */
export async function workOffOperation(
  { terminal, interruption }: Pick<Invocation, 'terminal' | 'interruption'>,
  session: Session,
  id: string,
): Promise<Operation | undefined> {
  const { first: signal } = interruption;
  let isAllowed = true;
  let operation: Operation | undefined;
  do {
    if (isAllowed) {
      try {
        await runOperations(session, signal);
      } catch (error) {
        if (classifySqlState(error) !== 'permission') throw error;
        isAllowed = false;
      }
    }
    [operation] = await listOperations(session, { id });
    if (operation?.state !== 'running') break;
    const { done, skipped, matched } = operation;
    terminal.showStatus(`${done + skipped} of ${matched}${isAllowed ? '' : ', by a running worker'}`);
    await systemClock.delay(LOOK_MS, signal);
  } while (!signal.aborted);
  terminal.showStatus();
  return operation;
}
