import type { Narrator } from './narrator.ts';

/** One thing that the demo shows; fails when it does not turn out as told. */
export type DemoStep = (narrator: Narrator) => Promise<void>;

/** Makes sure that what the demo tells is what happened. */
export function demand(isTrue: boolean, claim: string): void {
  if (!isTrue) throw new Error(`the demo expected that ${claim}`);
}
