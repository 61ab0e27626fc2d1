import { beforeEach, expect, test } from 'vitest';
import { LamplighterError } from './errors.ts';
import { createLogger, type Logger } from './log.ts';
import { createTroubles, type Troubles } from './recurring-trouble.ts';

let nowMs: number;
let lines: { readonly level: string; readonly msg: string; readonly [key: string]: unknown }[];
let log: Logger;
let troubles: Troubles;
const clock = { nowMs: () => nowMs, delay: async () => undefined };
beforeEach(() => {
  nowMs = 0;
  lines = [];
  log = createLogger({ destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  troubles = createTroubles({ log, clock });
});

const said = () => lines.map(({ level, msg }) => `${level} ${msg}`);

test('what fails again and again is told of when it begins, once a minute with a count, and when it is over', () => {
  const trouble = troubles.define('claim requests');
  for (nowMs = 0; nowMs < 130_000; nowMs += 1_000) trouble.note(new Error('no luck'));
  trouble.settle();
  trouble.settle();
  expect(said()).toEqual([
    'warn could not claim requests: no luck',
    'warn still could not claim requests, for 1m, 61 failures',
    'warn still could not claim requests, for 2m, 121 failures',
    'info can claim requests again after 2m10s, 130 failures',
  ]);
});

test('a cause that changes is named anew with the next line', () => {
  const trouble = troubles.define('claim requests');
  trouble.note(new Error('first'));
  trouble.note(new Error('second'));
  nowMs = 60_000;
  trouble.note(new Error('third'));
  expect(said()).toEqual([
    'warn could not claim requests: first',
    'warn still could not claim requests, for 1m, 3 failures: third',
  ]);
});

test('what comes and goes is told of once a minute as well', () => {
  const trouble = troubles.define('claim requests');
  for (nowMs = 0; nowMs < 59_900; nowMs += 500) {
    trouble.note(new Error('no luck'));
    nowMs += 100;
    trouble.settle();
  }
  trouble.note(new Error('no luck'));
  expect(said()).toEqual([
    'warn could not claim requests: no luck',
    'info can claim requests again after 0.1 s, 1 failure',
    'warn could not claim requests: no luck, 100 failures in the last 1m',
  ]);
});

test('what nobody says is over is a new trouble after two quiet minutes', () => {
  const trouble = troubles.define('claim requests');
  trouble.note(new Error('no luck'));
  nowMs = 120_000;
  trouble.note(new Error('no luck'));
  expect(said()).toEqual(['warn could not claim requests: no luck', 'warn could not claim requests: no luck']);
});

test('the line has the code and the hint, in one line whatever the message has, and neither stack nor SQL', () => {
  const cause = Object.assign(new Error('bad\n  news'), { code: '57P01', where: 'PL/pgSQL function' });
  troubles
    .define('prune')
    .note(new LamplighterError('CONNECTION_REFUSED', 'refused:\nno', { cause, hint: 'Start it.' }), { requests: 3 });
  expect(lines).toEqual([
    {
      level: 'warn',
      time: expect.any(String),
      code: '57P01',
      hint: 'Start it.',
      requests: 3,
      msg: 'could not prune: refused: no',
    },
  ]);
});

test('each failure has a line with its stack at level debug', () => {
  log = createLogger({ level: 'debug', destination: { write: (line) => void lines.push(JSON.parse(line)) } });
  const trouble = createTroubles({ log, clock }).define('prune');
  trouble.note(new Error('no luck'));
  trouble.note(new Error('no luck'));
  expect(lines.filter(({ level }) => level === 'debug')).toMatchObject([
    { msg: 'could not prune', err: { stack: expect.stringContaining('recurring-trouble.test') } },
    { msg: 'could not prune', err: { stack: expect.stringContaining('recurring-trouble.test') } },
  ]);
});

/** Three who share the trouble of a server that is away. */
function createThree() {
  const shared = {
    what: 'use the server',
    advice: 'work waits',
    includes: (error: unknown) => error instanceof Error && error.message === 'away',
  };
  const all = createTroubles({ log, clock, shared });
  return [all.define('claim'), all.define('record'), all.define('prune')] as const;
}

test('a shared trouble is told of once, whoever meets it, and is over when all who met it succeed', () => {
  const [claim, record, prune] = createThree();
  for (const trouble of [claim, record, claim]) trouble.note(new Error('away'));
  prune.note(new Error('of its own'));
  nowMs = 4_200;
  claim.settle();
  nowMs = 6_000;
  prune.settle();
  record.settle();
  expect(said()).toEqual([
    'warn cannot use the server: away; work waits',
    'warn could not prune: of its own',
    'info can prune again after 6.0 s, 1 failure',
    'info can use the server again after 4.2 s, 3 failures',
  ]);
  expect(lines[0]).toMatchObject({ noticedBy: 'claim' });
});

test('a shared trouble does not wait for one who tries again much later, as long as nobody fails', () => {
  const [claim, record, prune] = createThree();
  for (const trouble of [claim, prune]) trouble.note(new Error('away'));
  nowMs = 3_000;
  claim.settle();
  nowMs = 12_999;
  record.settle();
  expect(lines).toHaveLength(1);
  nowMs = 13_000;
  record.settle();
  expect(said().at(-1)).toBe('info can use the server again after 3.0 s, 2 failures');
});

test('while one of them fails, success of another ends nothing', () => {
  const [claim, record] = createThree();
  for (nowMs = 0; nowMs < 30_000; nowMs += 5_000) {
    claim.note(new Error('away'));
    record.note(new Error('away'));
    record.settle();
  }
  expect(said()).toEqual(['warn cannot use the server: away; work waits']);
});

test('whoever succeeds first after a shared trouble has all the others try again, once a second at most', () => {
  const isAway = (error: unknown) => error instanceof Error && error.message === 'away';
  const shared = createTroubles({ log, clock, shared: { what: 'reach it', advice: 'wait', includes: isAway } });
  const tried: string[] = [];
  const define = (what: string) => {
    const trouble = shared.define(what);
    trouble.onRecovery(() => tried.push(what));
    return trouble;
  };
  const [listen, claim, prune] = [define('listen'), define('claim'), define('prune')];
  for (const trouble of [listen, claim]) trouble.note(new Error('away'));
  prune.note(new Error('of its own'));
  listen.settle();
  expect(tried).toEqual(['claim']);
  listen.settle();
  listen.note(new Error('away'));
  listen.settle();
  expect(tried).toEqual(['claim']);
  nowMs += 1_000;
  listen.note(new Error('away'));
  claim.settle();
  expect(tried).toEqual(['claim', 'listen']);
});
