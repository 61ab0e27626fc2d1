import process from 'node:process';
import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** Measured rounds; one more comes before them to warm up. */
  readonly rounds: number;
  /** Of each round. */
  readonly requests: number;
  /** A minute or less, to see that it runs; figures from it mean little. */
  readonly isQuick: boolean;
  /** Keep the figures in bench/results, from where the page is drawn. */
  readonly isSaved: boolean;
  /** Names of contenders to measure; absent measures all. */
  readonly only: readonly string[] | undefined;
}

type Counts = Pick<BenchOptions, 'rounds' | 'requests'>;

/** Reads `--rounds`, `--requests`, `--quick`, `--save` and `--only a,b`, with what the bench uses when they are not given. */
export function readBenchOptions(defaults: { readonly full: Counts; readonly quick: Counts }): BenchOptions {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      requests: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
    },
    args: process.argv.slice(2),
  });
  const counts = values.quick ? defaults.quick : defaults.full;
  return {
    rounds: readCount(values.rounds, counts.rounds),
    requests: readCount(values.requests, counts.requests),
    isQuick: values.quick,
    isSaved: values.save,
    only: values.only?.split(','),
  };
}

function readCount(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`expected a positive whole number, got "${text}"`);
  return count;
}
