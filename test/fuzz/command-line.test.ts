import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { createOwnedDatabase, migrateAs, type OwnedDatabase } from '../support/owned-database.ts';
import { spawnProcess } from '../support/process.ts';
import { planFuzz } from './fuzz.ts';
import { anyText } from './hostile-text.ts';

const SECRET = 'geheim8472';
/** Nothing listens there, and it is found out at once. */
const NOWHERE = `postgresql://app:${SECRET}@127.0.0.1:1/app`;

let db: OwnedDatabase;
let realUri: string;
beforeAll(async () => {
  db = await createOwnedDatabase();
  await db.pool.query(`alter role ${db.owner.name} password '${SECRET}'`);
  realUri = db.uriFor(db.owner.name, SECRET);
  await migrateAs(realUri);
});
afterAll(() => db[Symbol.asyncDispose]());

/** What a shell can pass. */
const argument = anyText.map((text) => text.replaceAll('\0', '').toWellFormed().slice(0, 60_000));
const value = fc.oneof(
  { weight: 4, arbitrary: argument },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '1',
      '4',
      '8',
      '30s',
      '1h',
      '500ms',
      'embed',
      'embed,rerank',
      'builtin/lexical',
      'info',
      'debug',
      'true',
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '0',
      '-1',
      '1e9',
      'NaN',
      '99999999999999999999',
      '1.5',
      '--',
      '-',
      '--uri',
      'yes',
      'tru',
      '/nowhere',
      'public',
      '\u001b[2J\u009b31m',
    ),
  },
);
const uri = fc.constantFrom(
  NOWHERE,
  `host=127.0.0.1 port=1 user=app password=${SECRET}`,
  `${NOWHERE}?sslmode=x`,
  `${NOWHERE}?connect_timeout=2`,
  `postgresql://app:1/${SECRET}@127.0.0.1:1/app`,
  `postgresql://app:${SECRET}@127.0.0.1:x/app`,
  `mysql://app:${SECRET}@127.0.0.1:1/app`,
  `host=127.0.0.1 port=1 password='${SECRET}`,
);

/** A password where none is taken. */
const misplaced = fc.constantFrom(NOWHERE, `--url=${NOWHERE}`, `--password=${SECRET}`, `password='${SECRET} x'`);

interface Run {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const LOG_LEVEL = { flag: 'log-level', argument: 'level' };

/** A command with any of its flags and their variables, on a server that is not there, or, where that ends by itself, on one that is. */
const run: fc.Arbitrary<Run> = fc.constantFrom(...COMMANDS).chain(({ name, options }) => {
  const isShort = ['migrate', 'status', 'doctor', 'uninstall'].includes(name);
  const given = fc.constantFrom(...options, LOG_LEVEL).chain((option) => {
    const isUri = /uri|loopback/.test(option.flag);
    // Other hosts would be looked up in the network.
    const text = option.flag === 'db-host' ? fc.constantFrom('127.0.0.1', '', '/nowhere') : isUri ? uri : value;
    return text.map((one) => ({ ...option, text: one }));
  });
  return fc
    .record({
      place: fc.constantFrom('nowhere', 'nowhere', 'real'),
      flags: fc.array(given, { maxLength: 3 }),
      variables: fc.array(given, { maxLength: 2 }),
      others: fc.oneof(
        { weight: 5, arbitrary: fc.constant<string[]>([]) },
        { weight: 1, arbitrary: fc.array(fc.oneof(argument, misplaced), { maxLength: 2 }) },
      ),
    })
    .map(({ place, flags, variables, others }) => {
      // Never the embedded server, and nothing that runs until it is stopped: a dashboard waits for its database, so that it may not listen.
      const guard =
        name === 'demo'
          ? ['--no-such-flag']
          : [
              ...['--uri', place === 'real' && isShort ? 'REAL' : NOWHERE],
              ...(name === 'dashboard' ? ['--listen', '192.0.2.1:4600'] : []),
            ];
      const pairs = flags.flatMap((option) =>
        'argument' in option && option.argument !== undefined
          ? [`--${option.flag}`, option.text]
          : [`--${option.flag}`],
      );
      const env = variables.map(({ flag, text }) => [`LAMPLIGHTER_${flag.toUpperCase().replaceAll('-', '_')}`, text]);
      // Last, as the last one counts.
      return {
        args: [name, ...others, ...pairs.filter((text) => text !== '--watch'), ...guard],
        env: Object.fromEntries(env),
      };
    });
});

const BATCH = 40;
const fuzz = planFuzz('command line', ['done', 'failed', 'bad usage'], BATCH);

test(`any flag and variable leads to an exit code and a message ${fuzz.title}`, {
  timeout: fuzz.timeoutMs,
}, async () => {
  await fuzz.run(fc.array(run, { minLength: BATCH, maxLength: BATCH }), async (runs) => {
    const program = spawnProcess('test/fuzz/program-process.ts');
    const real = runs.map(({ args, env }) => ({
      args: args.map((text) => (text === 'REAL' ? realUri : text)),
      env: { LAMPLIGHTER_WATCH: 'no', ...env },
    }));
    program.write(JSON.stringify(real.map(({ args, env }) => ({ args, env: { ...env, LAMPLIGHTER_WATCH: 'no' } }))));
    const { code } = await program.exited;
    const lines = program.stdout().split('\n').slice(0, -1);
    expect(code, program.stderr()).toBe(0);
    expect(program.stderr()).not.toContain(SECRET);
    expect(lines).toHaveLength(runs.length);
    for (const [at, line] of lines.entries()) expectSound(JSON.parse(line), runs[at]);
  });
});

function expectSound(result: { code: number; stdout: string; stderr: string }, given: Run | undefined): void {
  const told = `${JSON.stringify(given).slice(0, 3_000)}\n${result.code}\n${result.stderr.slice(0, 3_000)}`;
  expect([0, 1, 2], told).toContain(result.code);
  fuzz.count(result.code === 0 ? 'done' : result.code === 1 ? 'failed' : 'bad usage');
  expect(result.stderr, told).not.toContain(SECRET);
  // The statements are for the owner to run, so they hold the DSN.
  const isForTheOwner = /--sql|LAMPLIGHTER_SQL/.test(JSON.stringify(given));
  if (!isForTheOwner) expect(result.stdout, told).not.toContain(SECRET);
  if (result.code !== 0 && given?.args[0] !== 'doctor') expect(result.stderr, told).toMatch(/^error: \S/m);
  expect(result.stderr, told).not.toMatch(/Unexpected:/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what would steer a terminal
  expect(result.stdout + result.stderr, told).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  const isDebug = /debug/.test(JSON.stringify(given));
  if (!isDebug) expect(result.stderr, told).not.toMatch(/^ +at \S.*:\d+:\d+/m);
  if (!isDebug) expect(result.stderr.length, told).toBeLessThan(5_000);
}
