import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStage, type Stage } from './stage.ts';
import { rage } from './storm.ts';

/**
 * LAMPLIGHTER_STORM_SECONDS is how long the storms of a run last together, LAMPLIGHTER_STORM_SEED the seed of the first of them; the next
 * ones have the seeds after it. A failure names the seed of its storm, which brings the same faults at the same times.
 */
const seconds = Number(process.env['LAMPLIGHTER_STORM_SECONDS'] ?? 6);
const seed = Number(process.env['LAMPLIGHTER_STORM_SEED'] ?? Math.floor(Math.random() * 1_000_000));
const LONGEST_ROUND_S = 30;
/** Of a storm in which no lane may stand still: longer than the slack that a busy machine needs. */
const BYSTANDERS_S = 12;
const rounds = Math.ceil(seconds / LONGEST_ROUND_S);

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
}, 60_000);
afterAll(() => stage[Symbol.asyncDispose](), 60_000);

const seeds = Array.from({ length: rounds }, (_, n) => seed + n);

describe.each([
  ['all faults', 'all'],
  ['bystanders faults', 'bystanders'],
  ['all faults, with tasks', 'tasks'],
] as const)('a storm of %s', (_, weather) => {
  test.each(seeds)(
    'with seed %i breaks no promise',
    async (roundSeed) => {
      const least = weather === 'bystanders' ? BYSTANDERS_S : 0;
      const report = await rage(stage, roundSeed, Math.max(least, Math.min(seconds, LONGEST_ROUND_S)), weather);
      const { violations, log, ...figures } = report;
      if (rounds > 1) process.stdout.write(`${JSON.stringify(figures)}\n`);
      expect(report.requests).toBeGreaterThan(10);
      if (weather === 'tasks') expect(report.tasks).toBeGreaterThan(10);
      const replay = `npm run test:storm -- --minutes 0.5 --seed ${roundSeed} storm`;
      if (violations.length > 0) process.stdout.write(`${log.join('\n')}\n${replay}\n`);
      expect(violations).toEqual([]);
    },
    (LONGEST_ROUND_S + 120) * 1_000,
  );
});
