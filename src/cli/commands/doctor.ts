import { LamplighterError } from '../../core/errors.ts';
import { showValue } from '../../core/show-value.ts';
import { didYouMean } from '../../core/suggest.ts';
import { VERSION } from '../../core/version.ts';
import type { CliCommand, Invocation } from '../cli-command.ts';
import { type CliOption, isOn } from '../cli-option.ts';
import { JSON_OPTION } from '../common-options.ts';
import { CONNECTION_OPTIONS, connectionOf } from '../connection-options.ts';
import { type Check, type FindingState, type NamedFinding, type SettingLine, THRESHOLDS } from '../doctor/check.ts';
import { CHECKS } from '../doctor/checks.ts';
import { examine } from '../doctor/examine.ts';
import { EXIT } from '../exit.ts';
import { printTable, wrap } from '../render-table.ts';
import { HTTP_OPTION } from '../with-probes.ts';

const LIST: CliOption = { flag: 'list', describes: 'name the checks and what each looks at, and run none' };

export const doctorCommand: CliCommand = {
  name: 'doctor',
  summary: 'check everything, and say how to fix it',
  details:
    'Runs all checks, from the connection to the work in the queue, or only the named ones, and says how to fix what they find. ' +
    'Changes nothing. No check takes longer than 3 s. Exits with 1 when something is broken.',
  argument: { name: 'check', describes: 'names from "doctor --list"', isRepeatable: true },
  options: [...CONNECTION_OPTIONS, LIST, HTTP_OPTION, JSON_OPTION],
  examples: [
    { command: 'lamplighter doctor --uri postgresql://lamp@db.example.org/app', does: 'as the role of a worker' },
    { command: 'lamplighter doctor tables functions', does: 'two checks alone' },
    { command: 'lamplighter doctor --json | jq \'.findings[] | select(.state == "broken")\'', does: 'for a program' },
  ],
  logLevel: 'error',
  async run(invocation) {
    const { terminal } = invocation;
    const checks = chosenChecks(invocation.args);
    const isJson = isOn(invocation, JSON_OPTION);
    if (isOn(invocation, LIST)) {
      const list = checks.map(({ name, looksAt }) => ({ name, looksAt }));
      if (isJson) terminal.print(JSON.stringify(list));
      else
        printTable(
          terminal,
          ['check', 'looks at'],
          list.map(({ name, looksAt }) => [name, looksAt]),
        );
      return EXIT.done;
    }
    const settings = connectionOf(invocation);
    const { findings, settings: all } = await examine({ invocation, settings, checks, thresholds: THRESHOLDS });
    const lines = checks.some(({ name }) => name === 'settings') ? all : [];
    const broken = findings.filter(({ state }) => state === 'broken').length;
    const code = broken === 0 ? EXIT.done : EXIT.failed;
    if (isJson) {
      terminal.print(JSON.stringify({ version: VERSION, broken, findings, settings: lines }));
      return code;
    }
    for (const finding of findings) printFinding(invocation, finding);
    if (lines.length > 0) printSettings(invocation, lines);
    const { style } = terminal;
    const unknown = findings.filter(({ state }) => state === 'unknown').length;
    const verdict = broken === 0 ? style.green('Nothing is broken.') : style.red(`${broken} broken.`);
    terminal.print(`\n${verdict}${unknown === 0 ? '' : ` Not checked: ${unknown}.`} lamplighter ${VERSION}`);
    return code;
  },
};

/** @throws LamplighterError USAGE for a name that no check has. */
function chosenChecks(names: readonly string[]): readonly Check[] {
  const known = CHECKS.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const meant = didYouMean(name, known);
    throw new LamplighterError('USAGE', `There is no check ${showValue(name)}${meant}`, {
      hint: 'See: lamplighter doctor --list',
    });
  }
  return names.length === 0 ? CHECKS : CHECKS.filter(({ name }) => names.includes(name));
}

/** Where what was found begins in a line. */
const INDENT = 28;

function printFinding({ terminal }: Invocation, { state, name, message, advice }: NamedFinding): void {
  const { style } = terminal;
  const marks: Readonly<Record<FindingState, string>> = {
    ok: style.green('ok     '),
    note: style.dim('note   '),
    unknown: style.dim('unknown'),
    warning: style.yellow('warning'),
    broken: style.red('broken '),
  };
  const columns = terminal.isScreen ? Math.max(terminal.columns, 60) - INDENT : Number.POSITIVE_INFINITY;
  const [first = '', ...rest] = wrap(message, columns);
  terminal.print(`${marks[state]}  ${style.bold(name.padEnd(17))}  ${first}`);
  for (const line of rest) terminal.print(`${' '.repeat(INDENT)}${line}`);
  if (advice === undefined) return;
  for (const [at, line] of wrap(`fix: ${advice}`, columns).entries()) {
    terminal.print(`${' '.repeat(INDENT)}${at === 0 ? line.replace('fix:', style.cyan('fix:')) : line}`);
  }
}

function printSettings({ terminal }: Invocation, lines: readonly SettingLine[]): void {
  const rows = lines.map(({ name, value, origin }) => [name, value, origin]);
  terminal.print(`\n${terminal.style.bold('Settings')} of a worker started here`);
  printTable(terminal, ['setting', 'value', 'origin'], rows, '  ');
}
