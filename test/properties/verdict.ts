import { isDeepStrictEqual } from 'node:util';
import type { ModelSession, RequestCell } from './queue-model.ts';

/** The database did something that the model does not allow. */
export class Mismatch extends Error {
  override readonly name = 'Mismatch';
}

/** What the model says about a statement before it is run. */
export type Verdict =
  /** It waits for a lock that another session holds. */
  | { readonly kind: 'waits'; readonly on: string }
  /** It fails with one of these SQLSTATEs. */
  | {
      readonly kind: 'refused';
      readonly sqlStates: readonly string[];
      readonly message?: string;
      /** It may also do nothing and answer this. */
      readonly orAnswers?: unknown;
    }
  /** It succeeds. `accept` checks the answer and changes the model; it throws a {@link Mismatch}. */
  | { readonly kind: 'done'; accept(answer: unknown): void };

export const refused = (...sqlStates: string[]): Verdict => ({ kind: 'refused', sqlStates });

/** Succeeds with exactly this answer, and then has these effects. */
export function answers(expected: unknown, effects: () => void = () => undefined): Verdict {
  return {
    kind: 'done',
    accept(answer) {
      requireEqual('the answer', answer, expected);
      effects();
    },
  };
}

export function requireEqual(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Mismatch(`${what} is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`);
}

/** What keeps a statement from changing this request: a newer version than its snapshot's, or another session's lock. */
export function obstacle(session: ModelSession, cell: RequestCell): Verdict | undefined {
  if (cell.writer === session.name) return undefined;
  const snapshot = session.transaction?.snapshot;
  if (snapshot !== undefined && snapshot.get(cell)?.version !== cell.version) return refused('40001');
  return cell.writer === undefined ? undefined : { kind: 'waits', on: cell.writer };
}

/** Of several: any of them may be met first, and a statement that meets a lock is not left waiting while it holds others. */
export function firstObstacle(session: ModelSession, cells: readonly RequestCell[]): Verdict | undefined {
  const found = cells.flatMap((cell) => obstacle(session, cell) ?? []);
  const [only] = found;
  if (found.length < 2 && cells.length < 2) return only;
  const sqlStates = new Set(
    found.flatMap((each) => (each.kind === 'waits' ? ['55P03'] : each.kind === 'refused' ? each.sqlStates : [])),
  );
  return sqlStates.size === 0 ? undefined : refused(...sqlStates);
}

/** An ended request is announced when its transaction commits. */
export function announce(session: ModelSession, cell: RequestCell, status: string): void {
  const request = cell.uncommitted;
  if (request === undefined) return;
  session.transaction?.ends.push({ requestId: cell.requestId, functionName: request.functionName, status });
}
