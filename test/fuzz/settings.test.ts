import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { isLamplighterError } from '../../src/core/errors.ts';
import { createLogger } from '../../src/core/log.ts';
import { createTroubles } from '../../src/core/recurring-trouble.ts';
import type { Service } from '../../src/core/service.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createPool, type Pool } from '../../src/db/pool.ts';
import { recordServerSettings } from '../../src/requests/server-settings.ts';
import { workerConfig } from '../../src/worker/config.ts';
import { createSettingsWatcher, type LiveSettings } from '../../src/worker/requests/upkeep/settings-watcher.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { parseLogLine } from '../support/log-line.ts';
import { firstValue } from '../support/requests.ts';
import { runDuty } from '../support/run-duty.ts';
import { planFuzz } from './fuzz.ts';
import { storableText } from './hostile-text.ts';

const NAMES = ['worker_concurrency', 'worker_poll_interval', 'max_queue_size'] as const;

let db: TestDatabase;
let pool: Pool;
let watcher: Service;
const live: LiveSettings = { concurrency: 4, pollIntervalMs: 1_000 };
const failures: unknown[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  const settings = resolveConnection({ uri: db.uri }, {});
  pool = createPool(settings);
  const write = (line: string) => {
    const { msg, ...rest } = parseLogLine(line);
    if (rest.level >= 40 && msg !== 'a server setting is not valid and was ignored') failures.push({ msg, ...rest });
  };
  const log = createLogger({ destination: { write } });
  const duty = await createSettingsWatcher({
    withShortSession: (work) => work(),
    db: pool,
    settings,
    live,
    fixed: new Set(),
    onChange: () => undefined,
    log,
    troubles: createTroubles({ log, clock: systemClock }),
  });
  watcher = runDuty(pool, duty, 20);
});
afterAll(async () => {
  await watcher?.stop();
  await pool?.end();
  await db?.[Symbol.asyncDispose]();
});

const number = fc.oneof(
  fc.integer({ min: -3, max: 1_100 }).map(String),
  fc.constantFrom(
    '0',
    '1',
    '1000',
    '1001',
    '1000000000',
    '1000000001',
    ' 7 ',
    '+5',
    '007',
    '0x10',
    '1_000',
    '1e3',
    '9'.repeat(30),
    '\u0665',
  ),
);
const interval = fc.oneof(
  fc
    .tuple(number, fc.constantFrom('', 'ms', 's', 'min', 'h', 'd', ' seconds ago', ' mon', ' us'))
    .map((parts) => parts.join('')),
  fc.constantFrom(
    'infinity',
    '-infinity',
    'P1Y',
    'PT1S',
    '1:00',
    '.',
    '..',
    '1.5.2',
    '.5',
    '5.',
    '1e-3',
    '0.0099999',
    '3600.0001',
    '1 day -1 day',
    '-0',
  ),
);
const value = fc.oneof(
  { weight: 4, arbitrary: number },
  { weight: 4, arbitrary: interval },
  { weight: 3, arbitrary: storableText },
);
const change = fc.record({
  how: fc.constantFrom('set', 'set', 'server', 'seen', 'option'),
  name: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...NAMES) },
    { weight: 2, arbitrary: fc.constantFrom(...NAMES.map((name) => `steadytext.${name}`)) },
    { weight: 1, arbitrary: storableText },
  ),
  value: fc.oneof({ weight: 20, arbitrary: value }, { weight: 1, arbitrary: fc.constant(null) }),
});

const fuzz = planFuzz('settings', ['stored', 'refused']);

test(`any text for a setting is refused or holds, and running workers stay within bounds ${fuzz.title}`, {
  timeout: fuzz.timeoutMs,
}, async () => {
  await fuzz.run(change, async ({ how, name, value: text }) => {
    if (how === 'set') await setStored(name, text);
    else if (how === 'server') await setOnServer(name, text ?? '');
    else if (how === 'seen') await recordSeen(text);
    else giveAsOption(name, text);
    expect(failures).toEqual([]);
    expectWithinBounds();
    expect(await effective('max_queue_size')).toMatch(/^\d+$/);
    try {
      await db.pool.query(`select public.steadytext_embed_async('a')`);
    } catch (error) {
      expect(error).toMatchObject({ code: '53400' });
    }
  });
  await db.pool.query(`alter database ${db.name} reset all`);
  await db.pool.query('select lamplighter.set(n, null) from unnest($1::text[]) as n', [NAMES]);
  await eventually(() => expect(live).toEqual({ concurrency: 4, pollIntervalMs: 1_000 }));
});

function effective(name: string): Promise<string> {
  return firstValue(db.pool, 'select lamplighter.effective_setting($1)', [name]);
}

function expectWithinBounds(): void {
  expect(live.concurrency).toSatisfy((n: number) => Number.isInteger(n) && n >= 1 && n <= 1_000);
  expect(live.pollIntervalMs).toSatisfy((n: number) => Number.isFinite(n) && n >= 10 && n <= 3_600_000);
}

/** What was stored is what it says it is: storing it again changes nothing. */
async function setStored(name: string, text: string | null): Promise<void> {
  try {
    const stored = await firstValue(db.pool, 'select lamplighter.set($1, $2)', [name, text]);
    expect(await firstValue(db.pool, 'select lamplighter.set($1, $2)', [name, stored])).toBe(stored);
    fuzz.count('stored');
  } catch (error) {
    expectRefused(error, '22023');
  }
}

async function setOnServer(name: string, text: string): Promise<void> {
  const isKnown = NAMES.some((known) => name.endsWith(known));
  const setting = `steadytext.${isKnown ? name.replace('steadytext.', '') : 'worker_concurrency'}`;
  try {
    await db.pool.query(`alter database ${db.name} set ${setting} = ${pg.escapeLiteral(text)}`);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'XX000') throw error;
  }
}

/** What a worker may have found as the server's settings, whichever way it got there. */
async function recordSeen(text: string | null): Promise<void> {
  const seen = { worker_concurrency: text, worker_poll_interval: text, max_queue_size: text };
  for (const setting of await recordServerSettings(pool, seen)) {
    expect(setting.value).toMatch(/^\d+(ms)?$/);
    fuzz.count(setting.problem === undefined ? 'stored' : 'refused');
  }
}

/** The same text as an option of `createWorker`. */
function giveAsOption(name: string, text: string | null): void {
  try {
    workerConfig.parse({ [name]: text, concurrency: text === null ? 4 : Number(text) });
  } catch (error) {
    expectRefused(error, 'CONFIG_INVALID');
  }
}

function expectRefused(error: unknown, code: string): void {
  if (!(error instanceof pg.DatabaseError || isLamplighterError(error))) throw error;
  expect(error.code, error.message).toBe(code);
  expect(error.message.length).toBeLessThan(500);
  fuzz.count('refused');
}
