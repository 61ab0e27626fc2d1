import type { RequestFunction } from '../core/request-functions.ts';

/** What a shell takes as it stands, and a program does not take for an option. */
const PLAIN = /^[\w./:@%+=][\w./:@%+=-]*$/;
/** Characters that a terminal acts on: a pasted line break runs the text before it, and other control characters change the display. */
const CONTROLLING = /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u;

/**
 * The command that starts a worker for requests of a function and model; `isAnyRunning` where workers run that do not serve them. Whoever
 * may queue a request chooses the name of its model, and operators paste the command: the name is quoted, so that it is never more than a
 * name to a POSIX shell, and left open where it cannot be quoted.
 */
export function workerCommandFor(functionName: RequestFunction, model: string, isAnyRunning: boolean): string {
  const flag = functionName === 'embed' || functionName === 'rerank' ? functionName : 'generate';
  if (model !== 'default') return `lamplighter worker --${flag}-model ${shellWordOf(model)}`;
  if (flag === 'generate') return 'lamplighter worker --generate-model MODEL';
  return isAnyRunning ? `lamplighter worker --functions ${functionName}` : 'lamplighter worker';
}

function shellWordOf(model: string): string {
  if (PLAIN.test(model)) return model;
  // The program would take the first for an option; the second are more than a name wherever they are pasted.
  if (model.startsWith('-') || CONTROLLING.test(model)) return 'MODEL';
  return `'${model.replaceAll("'", "'\\''")}'`;
}
