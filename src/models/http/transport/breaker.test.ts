import { describe, expect, it } from 'vitest';
import type { ModelError } from '../../outcome.ts';
import { type Admission, type Breaker, createBreaker } from './breaker.ts';

const broken: ModelError = { kind: 'unavailable', message: 'the server answered 500: boom' };

function createSetting(random = () => 1) {
  let nowMs = 0;
  const breaker = createBreaker({ nowMs: () => nowMs, delay: async () => undefined }, random);
  return {
    breaker,
    advance(ms: number) {
      nowMs += ms;
    },
  };
}

function admitted(breaker: Breaker): Admission {
  const admittance = breaker.admit();
  if (!admittance.isAdmitted) throw new Error(`refused for ${admittance.retryAfterMs} ms`);
  return admittance;
}

function open(breaker: Breaker): void {
  for (let i = 0; i < 5; i++) admitted(breaker).fail(broken);
}

describe('a breaker', () => {
  it('opens with the fifth failure in a row', () => {
    const { breaker } = createSetting();
    for (let i = 0; i < 4; i++) admitted(breaker).fail(broken);
    admitted(breaker).succeed();
    for (let i = 0; i < 4; i++) admitted(breaker).fail(broken);
    admitted(breaker).fail(broken);
    expect(breaker.admit()).toEqual({ isAdmitted: false, retryAfterMs: 1_000, cause: broken });
  });

  it('lets one call through at a time when its pause is over', () => {
    const { breaker, advance } = createSetting();
    open(breaker);
    advance(1_000);
    const probe = admitted(breaker);
    expect(breaker.admit().isAdmitted).toBe(false);
    probe.succeed();
    admitted(breaker);
    admitted(breaker);
  });

  it('pauses twice as long after each failed probe, up to a minute', () => {
    const { breaker, advance } = createSetting();
    open(breaker);
    const pauses = [];
    for (let i = 0; i < 8; i++) {
      const refused = breaker.admit();
      const waitMs = refused.isAdmitted ? 0 : refused.retryAfterMs;
      pauses.push(waitMs);
      advance(waitMs);
      admitted(breaker).fail(broken);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('lets another call through when the probe was aborted', () => {
    const { breaker, advance } = createSetting();
    open(breaker);
    advance(1_000);
    admitted(breaker).release();
    admitted(breaker);
  });

  it('does not pause longer for calls that were under way when it opened', () => {
    const { breaker } = createSetting();
    const late = Array.from({ length: 20 }, () => admitted(breaker));
    for (const admission of late) admission.fail(broken);
    expect(breaker.admit()).toEqual({ isAdmitted: false, retryAfterMs: 1_000, cause: broken });
  });

  it('lets calls through after a sign of life, and opens for longer with the next failure', () => {
    const { breaker, advance } = createSetting();
    open(breaker);
    advance(1_000);
    expect(breaker.isHalfOpen).toBe(true);
    breaker.noteSign();
    const [one, two] = [admitted(breaker), admitted(breaker)];
    one.fail(broken);
    expect(breaker.admit()).toMatchObject({ isAdmitted: false, retryAfterMs: 2_000 });
    two.succeed();
    admitted(breaker).fail(broken);
    admitted(breaker);
  });

  it('keeps to the pause that a server asked for, whatever it answers to a small request that was under way', () => {
    const { breaker, advance } = createSetting();
    for (let i = 0; i < 5; i++) admitted(breaker).fail({ ...broken, retryAfterMs: 30_000 });
    breaker.noteSign();
    expect(breaker.admit()).toMatchObject({ isAdmitted: false, retryAfterMs: 30_000 });
    advance(30_000);
    breaker.noteSign();
    admitted(breaker);
    admitted(breaker);
  });

  it('waits for as long as the server asked, and says what failed last', () => {
    const { breaker, advance } = createSetting();
    open(breaker);
    advance(1_000);
    const cause: ModelError = { kind: 'unavailable', message: 'slow down', retryAfterMs: 30_000 };
    breaker.noteSilence(cause);
    expect(breaker.admit()).toEqual({ isAdmitted: false, retryAfterMs: 30_000, cause });
  });

  it('closes for good with the success of a call that was under way', () => {
    const { breaker, advance } = createSetting();
    const late = admitted(breaker);
    open(breaker);
    late.succeed();
    advance(1_000);
    admitted(breaker);
    admitted(breaker);
  });
});
