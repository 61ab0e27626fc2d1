import { type Effort, type Failure, runSteps } from './interleaving.ts';
import type { Stage } from './stage.ts';
import type { Step } from './steps.ts';

/**
 * Leaves out steps as long as what is left fails in the same way: first all of one session or one request at once, then ever smaller runs,
 * at last single steps. Gives up after `mostMs`; what it returns has failed as it stands.
 */
export async function shrinkSteps(stage: Stage, failure: Failure, mostMs: number, effort: Effort): Promise<Failure> {
  const untilMs = performance.now() + mostMs;
  let best = failure;

  async function tryOut(rest: readonly Step[]): Promise<boolean> {
    if (rest.length >= best.steps.length || performance.now() > untilMs) return false;
    const shorter = await runSteps(stage, rest, best.isAtEnd, effort);
    const isBetter =
      shorter !== undefined && shorter.steps.length < best.steps.length && kindOf(shorter) === kindOf(best);
    if (isBetter) best = shorter;
    return isBetter;
  }

  for (const name of namesIn(best.steps)) await tryOut(best.steps.filter((step) => !namesIn([step]).has(name)));
  for (let size = Math.ceil(best.steps.length / 2); size >= 1; ) {
    let hasShrunk = false;
    for (let at = best.steps.length - size; at > -size; at -= size) {
      const rest = [...best.steps.slice(0, Math.max(0, at)), ...best.steps.slice(at + size)];
      if (await tryOut(rest)) hasShrunk = true;
    }
    if (size > 1) size = Math.ceil(size / 2);
    else if (!hasShrunk) break;
  }
  return best;
}

/** Sessions and requests. */
function namesIn(steps: readonly Step[]): Set<string> {
  const names = new Set<string>();
  for (const step of steps) {
    if ('by' in step) names.add(step.by);
    if ('request' in step) names.add(step.request);
    if ('as' in step && step.do !== 'register') for (const label of [step.as].flat()) names.add(label);
  }
  return names;
}

/** Failures are of one kind when their messages differ in names, ids and times only. */
function kindOf({ message }: Failure): string {
  return message.replaceAll(/[0-9a-f-]{36}|\b[rw]\d+(#\d+)?|\d+/g, '*');
}
