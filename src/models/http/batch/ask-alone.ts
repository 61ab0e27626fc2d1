import type { ModelError } from '../../outcome.ts';
import type { Asking } from '../transport/http-client.ts';
import type { HttpProblem } from '../transport/problem.ts';
import type { ItemQuarantine } from './item-quarantine.ts';

export interface Problem {
  readonly ok: false;
  readonly problem: HttpProblem;
  /** What is told of the item, where that was found out. */
  readonly error?: ModelError;
}

/** What came of a request for one item. */
export type Failure = Required<Problem>;

export interface AloneOptions {
  readonly quarantine: ItemQuarantine;
  /** A text that equal items share. */
  readonly key: string;
  /** False where the item is asked for in another way next, so that it need not be sure that it is to blame. @default true */
  readonly isLastWay?: boolean;
}

/**
 * Asks for one item, and where the server breaks on it, finds out which of the two is to blame.
 *
 * The item is charged (its error is `failed`) when the server answers a small request of the same kind and then breaks on the
 * item again, or is too busy for it again and again, or, where the item takes the server down with it, after three breakdowns with answers in between. Whatever else
 * is wrong with the server is charged to nobody.
 */
export async function askAlone<Answer extends { readonly ok: true }>(
  ask: (asking: Asking) => Promise<Answer | Problem>,
  { quarantine, key, isLastWay = true }: AloneOptions,
): Promise<Answer | Failure> {
  const strikes = quarantine.strikesOf(key);
  // A server that is started again strikes all that it was at: once is too little to have them wait for each other.
  const reply = await ask({ isDoubtful: strikes > 0, isQuarantined: strikes > 1 });
  if (reply.ok) {
    quarantine.clear(key);
    return reply;
  }
  const { problem } = reply;
  if (problem.kind !== 'failing' || problem.pulse === undefined) return { ...reply, error: problem.error };
  if (problem.pulse !== 'answers') {
    const isGuilty = quarantine.strike(key, problem.answers ?? 0);
    return { ...reply, error: isGuilty ? chargeOf(problem) : problem.error };
  }
  if (problem.isOverload === true) {
    const isGuilty = quarantine.putOff(key, problem.realAnswers ?? 0);
    return { ...reply, error: isGuilty ? chargeOf(problem) : problem.error };
  }
  quarantine.note(key, 1);
  // A time limit is too long to be waited for twice.
  if (!isLastWay || problem.isTimeout === true) return { ...reply, error: chargeOf(problem) };
  const second = await ask({ isProbe: true });
  if (second.ok) {
    quarantine.clear(key);
    return second;
  }
  const isAgain = second.problem.kind === 'failing';
  return {
    ok: false,
    problem: isAgain ? problem : second.problem,
    error: isAgain ? chargeOf(second.problem) : second.problem.error,
  };
}

function chargeOf({ error: { message, cause } }: HttpProblem): ModelError {
  return { kind: 'failed', message: `${message}, for this request each time`, cause };
}
