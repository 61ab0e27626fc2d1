import { isLamplighterError, LamplighterError, messageOf } from '../../core/errors.ts';
import { connectClient } from '../../db/connection/connect-client.ts';
import type { ConnectionSettings } from '../../db/connection/connection-settings.ts';
import type { Session } from '../../db/session.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import type {
  Check,
  Finding,
  LocalCheck,
  NamedFinding,
  Patient,
  SchemaReading,
  ServerCheck,
  SettingLine,
  Surroundings,
} from './check.ts';
import { readSchema } from './check-schema.ts';
import { createLane, type Lane, TimeLimitError, within } from './lane.ts';
import { readSettings } from './read-settings.ts';

/** Connections that are used at once: doctor is asked when the server is short of them. */
const MOST_LANES = 4;

export interface Examination {
  /** The findings in the order of the checks, whichever ended first. */
  readonly findings: readonly NamedFinding[];
  /** The settings that a worker started here would have; empty where they could not be read. */
  readonly settings: readonly SettingLine[];
}

export interface ExaminationOptions extends Surroundings {
  readonly settings: ConnectionSettings;
  readonly checks: readonly Check[];
}

type Found = readonly [Check, readonly Finding[]];

/**
 * Runs the checks, some at once and none for longer than 3 s, so that a hanging one holds up no other. Without a server or schema only the
 * checks run that need none, and a finding says what is missing.
 *
 * @throws LamplighterError ABORTED when the program is interrupted.
 */
export async function examine(options: ExaminationOptions): Promise<Examination> {
  const signal = options.invocation.interruption.first;
  const locals = options.checks.filter((check) => check.needs === 'nothing');
  const [local, remote] = await Promise.all([
    Promise.all(locals.map(async (check): Promise<Found> => [check, await runLocal(check, options)])),
    examineServer(
      options,
      options.checks.filter((check) => check.needs !== 'nothing'),
    ),
  ]);
  if (signal.aborted) throw new LamplighterError('ABORTED', 'The checks were broken off');
  const found = new Map([...local, ...remote.found]);
  const findings = options.checks.flatMap((check) => named(check.name, found.get(check) ?? []));
  return { findings: [...remote.missing, ...findings], settings: remote.settings };
}

interface ServerExamination {
  readonly found: readonly Found[];
  /** What stood in the way of checks that were not run. */
  readonly missing: readonly NamedFinding[];
  readonly settings: readonly SettingLine[];
}

async function examineServer(options: ExaminationOptions, checks: readonly ServerCheck[]): Promise<ServerExamination> {
  const { invocation, settings } = options;
  const signal = invocation.interruption.first;
  if (checks.length === 0) return { found: [], missing: [], settings: [] };
  const open = () => connectClient(settings, { applicationName: 'lamplighter', signal, log: invocation.log });
  let first: Session | undefined;
  try {
    first = await open();
  } catch (error) {
    if (!isLamplighterError(error)) throw error;
    const finding: Finding = { state: 'broken', message: error.message, advice: error.hint };
    return { found: [], missing: named('connection', [finding]), settings: [] };
  }
  const opened = [first];
  const lanes = checks.slice(0, MOST_LANES).map(() => createLane(async () => opened.pop() ?? (await open()), signal));
  try {
    return await examineSchema(options, checks, lanes);
  } finally {
    await Promise.all([...lanes.map((lane) => lane.end()), ...opened.map((session) => session.end())]);
  }
}

async function examineSchema(
  options: ExaminationOptions,
  checks: readonly ServerCheck[],
  lanes: readonly Lane[],
): Promise<ServerExamination> {
  const { invocation } = options;
  const [lane] = lanes;
  if (lane === undefined) throw new Error('there is no lane');
  const schema = await lane.run(readSchema).catch((error: unknown): SchemaReading => {
    return { state: undefined, finding: failureOf(error, undefined) };
  });
  const isThere = schema.finding.state !== 'broken';
  const worker = isThere
    ? await lane.run((session) => readSettings({ session, invocation })).catch(() => undefined)
    : undefined;
  const chosen = checks.filter(({ needs }) => isThere || needs !== 'schema');
  const found = await runAll(chosen, lanes, { ...options, schema, worker });
  const isTold = isThere || chosen.some(({ name }) => name === 'schema');
  return { found, missing: isTold ? [] : named('schema', [schema.finding]), settings: worker?.lines ?? [] };
}

const named = (name: string, findings: readonly Finding[]): NamedFinding[] =>
  findings.map((finding) => ({ name, ...finding }));

type Known = Omit<Patient, 'session' | 'signal'>;

/** Lanes take the checks in turn. One that gets no connection leaves them to the others; the first one has its connection. */
async function runAll(checks: readonly ServerCheck[], lanes: readonly Lane[], known: Known): Promise<Found[]> {
  const found: Found[] = [];
  const queue = [...checks];
  await Promise.all(
    lanes.map(async (lane, at) => {
      const isOpen = at === 0 || (await lane.run(() => Promise.resolve(true)).catch(() => false));
      if (!isOpen) return;
      for (let check = queue.shift(); check !== undefined; check = queue.shift()) {
        found.push([check, await runOnServer(check, lane, known)]);
      }
    }),
  );
  return found;
}

async function runOnServer(check: ServerCheck, lane: Lane, known: Known): Promise<readonly Finding[]> {
  try {
    return await lane.run(async (session, signal) => check.run({ ...known, session, signal }));
  } catch (error) {
    return [failureOf(error, check.rights)];
  }
}

async function runLocal(check: LocalCheck, surroundings: Surroundings): Promise<readonly Finding[]> {
  try {
    return await within(
      async () => check.run(surroundings),
      async () => new TimeLimitError(),
    );
  } catch (error) {
    return [failureOf(error, undefined)];
  }
}

/** One check that fails says so, and is none of the others' business. What a role may not see is never taken for well. */
function failureOf(error: unknown, rights = 'the owner of the schema lamplighter'): Finding {
  if (error instanceof TimeLimitError) {
    const advice =
      'See who holds the lock: SELECT pid, usename, state, xact_start, query FROM pg_stat_activity ORDER BY xact_start';
    return { state: 'warning', message: `not checked: ${error.message}`, advice };
  }
  const kind = classifySqlState(error);
  if (kind === 'permission') return { state: 'unknown', message: `not checked: needs ${rights}` };
  const message = `not checked: ${messageOf(error)}`;
  // What is missing is told by the checks that compare the schema.
  return kind === 'missing' ? { state: 'unknown', message } : { state: 'warning', message, advice: 'Try again.' };
}
