import { appendFile } from 'node:fs/promises';
import process from 'node:process';
import fc from 'fast-check';
import { expect } from 'vitest';

/** What is attacked, with its share of all cases. */
const SHARES = {
  'SQL calls': 0.3,
  'edited parameters': 0.3,
  events: 0.08,
  settings: 0.07,
  client: 0.1,
  'command line': 0.08,
  'connection strings': 0.07,
} as const;

type FuzzKind = keyof typeof SHARES;

/** As many as fit into an ordinary run of the tests. */
const SHORT_CASES = 1_000;
const LONG_CASES = 10_000;
/** Fewer cases of a kind may miss an outcome by chance. */
const ENOUGH_CASES = 300;

export interface Fuzz<Outcome extends string> {
  /** For the title of the test: how many cases, and the seed that repeats them. */
  readonly title: string;
  /** For the test's timeout; ten times what a slow machine needs. */
  readonly timeoutMs: number;
  /** Notes how a case went. */
  count(outcome: Outcome, times?: number): void;
  /**
   * Runs the property over the kind's share of cases, and fails with the smallest case found, its seed and path. Afterwards every
   * outcome must have been seen, if there were enough cases: inputs that are all refused at the door prove nothing about what is behind it.
   */
  run<Value>(arbitrary: fc.Arbitrary<Value>, property: (value: Value) => Promise<void>): Promise<void>;
}

/**
 * The plan for one kind of hostile input. LAMPLIGHTER_FUZZ_CASES is the number of cases of all kinds together, LAMPLIGHTER_FUZZ_SEED and
 * LAMPLIGHTER_FUZZ_PATH repeat a failure (both are in its message; choose the test with -t), LAMPLIGHTER_FUZZ_REPORT names a file that gets
 * one line of JSON with the counts of each kind.
 *
 * @param perRun - cases in one value of the arbitrary, where they are tried together
 */
export function planFuzz<Outcome extends string>(
  kind: FuzzKind,
  outcomes: readonly Outcome[],
  perRun = 1,
): Fuzz<Outcome> {
  const seed = Number(process.env['LAMPLIGHTER_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const path = process.env['LAMPLIGHTER_FUZZ_PATH'];
  const numRuns = Math.ceil((totalCases() * SHARES[kind]) / perRun);
  const counts = new Map<Outcome, number>(outcomes.map((outcome) => [outcome, 0]));
  return {
    title: `(${numRuns * perRun} cases, seed ${seed})`,
    timeoutMs: 60_000 + numRuns * perRun * 200,
    count(outcome, times = 1) {
      counts.set(outcome, (counts.get(outcome) ?? 0) + times);
    },
    async run(arbitrary, property) {
      await fc.assert(fc.asyncProperty(arbitrary, property), {
        numRuns,
        seed,
        ...(path !== undefined && { path }),
        // Of cases tried together the failure itself names the one; to make the others smaller takes minutes and tells nothing.
        endOnFailure: perRun > 1,
      });
      await report({ kind, seed, cases: numRuns * perRun, ...Object.fromEntries(counts) });
      if (path === undefined && numRuns * perRun >= ENOUGH_CASES) {
        expect([...counts].filter(([, count]) => count === 0)).toEqual([]);
      }
    },
  };
}

function totalCases(): number {
  const given = process.env['LAMPLIGHTER_FUZZ_CASES'];
  if (given !== undefined) return Number(given);
  return process.env['LAMPLIGHTER_STORM_SECONDS'] === undefined ? SHORT_CASES : LONG_CASES;
}

async function report(line: object): Promise<void> {
  const file = process.env['LAMPLIGHTER_FUZZ_REPORT'];
  if (file !== undefined) await appendFile(file, `${JSON.stringify(line)}\n`);
}
