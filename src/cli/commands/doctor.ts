import { isLamplighterError, messageOf } from '../../core/errors.ts';
import { VERSION } from '../../core/version.ts';
import type { ConnectionSettings } from '../../db/connection-settings.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { isOn } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import type { Check, Finding, FindingState, Patient, SettingLine } from '../doctor/check.ts';
import { checkConnection } from '../doctor/check-connection.ts';
import { checkEmbeddings } from '../doctor/check-embeddings.ts';
import { checkExtensions } from '../doctor/check-extensions.ts';
import { checkListening } from '../doctor/check-listening.ts';
import { checkSchema } from '../doctor/check-schema.ts';
import { checkModels, checkModelTroubles, checkWorkers } from '../doctor/check-serving.ts';
import { checkTasks } from '../doctor/check-tasks.ts';
import { checkTroubles } from '../doctor/check-troubles.ts';
import { checkSettings, readSettings } from '../doctor/read-settings.ts';
import { EXIT } from '../exit-code.ts';
import { printTable, wrap } from '../render-table.ts';
import { withSession } from '../with-session.ts';

export const doctorCommand: CliCommand = {
  name: 'doctor',
  summary: 'check everything, and say how to fix it',
  details:
    'Looks at the connection, the server, the schema, rights, notifications, extensions, models, workers, tasks, embedding jobs and settings, says what is ' +
    'wrong and how to fix it. Changes nothing. Exits with 1 when something is broken.',
  options: [...CONNECTION_OPTIONS, JSON_OPTION],
  examples: [
    { command: 'lamplighter doctor --uri postgresql://lamp@db.example.org/app', does: 'as the role of a worker' },
    { command: 'lamplighter doctor --json | jq \'.findings[] | select(.state == "broken")\'', does: 'for a program' },
  ],
  logLevel: 'error',
  async run(invocation) {
    const settings = connectionOf(invocation);
    const { findings, settings: lines } = await examine(invocation, settings);
    const broken = findings.filter(({ state }) => state === 'broken').length;
    if (isOn(invocation, JSON_OPTION)) {
      invocation.terminal.print(JSON.stringify({ version: VERSION, broken, findings, settings: lines }));
      return broken === 0 ? EXIT.done : EXIT.failed;
    }
    for (const finding of findings) printFinding(invocation, finding);
    if (lines.length > 0) printSettings(invocation, lines);
    const { style } = invocation.terminal;
    const verdict = broken === 0 ? style.green('Nothing is broken.') : style.red(`${broken} broken.`);
    invocation.terminal.print(`\n${verdict} lamplighter ${VERSION}`);
    return broken === 0 ? EXIT.done : EXIT.failed;
  },
};

/** What is looked at where the schema is as it should be, in this order; a check for each system. */
const CHECKS: readonly Check[] = [
  checkListening,
  checkExtensions,
  checkModels,
  checkModelTroubles,
  checkWorkers,
  checkTasks,
  checkEmbeddings,
  checkTroubles,
  checkSettings,
];

interface Examination {
  readonly findings: readonly Finding[];
  readonly settings: readonly SettingLine[];
}

/** Each step needs the one before. */
async function examine(invocation: Invocation, settings: ConnectionSettings): Promise<Examination> {
  try {
    return await withSession(invocation, settings, async (session) => {
      const { schema, findings: schemaFindings } = await checkSchema(session);
      const patient = { invocation, settings, session, schema, worker: undefined };
      const findings = [...(await checkConnection(patient)), ...schemaFindings];
      if (schemaFindings.some(({ subject, state }) => subject === 'schema' && state === 'broken')) {
        return { findings, settings: [] };
      }
      const worker = await readSettings(patient);
      for (const check of CHECKS) findings.push(...(await runCheck(check, { ...patient, worker })));
      return { findings, settings: worker.lines };
    });
  } catch (error) {
    if (!isLamplighterError(error) || invocation.interruption.first.aborted) throw error;
    const finding: Finding = { state: 'broken', subject: 'connection', says: error.message, fix: error.hint };
    return { findings: [finding], settings: [] };
  }
}

/** Where a part of the schema is missing, what would be read from it is told by its name. */
async function runCheck(check: Check, patient: Patient): Promise<readonly Finding[]> {
  try {
    return await check(patient);
  } catch (error) {
    if (classifySqlState(error) !== 'missing') throw error;
    const says = `could not look further: ${messageOf(error)}`;
    return [{ state: 'broken', subject: 'schema', says, fix: 'See above for what is missing.' }];
  }
}

/** Where what was found begins in a line. */
const INDENT = 28;

function printFinding({ terminal }: Invocation, { state, subject, says, fix }: Finding): void {
  const { style } = terminal;
  const marks: Readonly<Record<FindingState, string>> = {
    ok: style.green('ok     '),
    note: style.dim('note   '),
    warning: style.yellow('warning'),
    broken: style.red('broken '),
  };
  const columns = terminal.isScreen ? Math.max(terminal.columns, 60) - INDENT : Number.POSITIVE_INFINITY;
  const [first = '', ...rest] = wrap(says, columns);
  terminal.print(`${marks[state]}  ${style.bold(subject.padEnd(17))}  ${first}`);
  for (const line of rest) terminal.print(`${' '.repeat(INDENT)}${line}`);
  if (fix === undefined) return;
  for (const [at, line] of wrap(`fix: ${fix}`, columns).entries()) {
    terminal.print(`${' '.repeat(INDENT)}${at === 0 ? line.replace('fix:', style.cyan('fix:')) : line}`);
  }
}

function printSettings({ terminal }: Invocation, lines: readonly SettingLine[]): void {
  const rows = lines.map(({ name, value, origin }) => [name, value, origin]);
  terminal.print(`\n${terminal.style.bold('Settings')} of a worker started here`);
  printTable(terminal, ['setting', 'value', 'origin'], rows, '  ');
}
