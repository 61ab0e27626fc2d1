import { expect, test } from 'vitest';
import type { CliOption } from '../../src/cli/cli-option.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { LOG_LEVEL_OPTION } from '../../src/cli/common-options.ts';
import { CONNECTION_OPTIONS } from '../../src/cli/connection-options.ts';
import { DAEMON_FLAGS } from '../../src/cli/daemon-options.ts';
import { WORKER_FLAGS } from '../../src/cli/worker-options.ts';
import { type ConfigOption, flagVariable } from '../../src/core/config/define-config.ts';
import { formatDuration } from '../../src/core/duration.ts';
import { daemonConfig } from '../../src/daemon/config.ts';
import { workerConfig } from '../../src/worker/config.ts';
import { readPage, tableRows } from '../docs/markdown-page.ts';

const cli = readPage('docs/reference/cli.md');
const configuration = readPage('docs/reference/configuration.md');

const plain = (cells: readonly string[]) => cells.map((cell) => cell.replaceAll('`', ''));
const rowsOf = (page: typeof cli, heading: string) => tableRows(page, heading).slice(1).map(plain);

function flagCell({ flag, argument, short }: CliOption): string {
  return `--${flag}${argument === undefined ? '' : ` ${argument}`}${short === undefined ? '' : `, -${short}`}`;
}

function rowOf(option: CliOption): string[] {
  const meaning = option.describes + (option.isRepeatable === true ? ' (may be repeated)' : '');
  return [flagCell(option), meaning, option.defaultText ?? ''];
}

test('the reference lists every command with its summary', () => {
  const rows = rowsOf(cli, 'Command line').map(([link = '', does = '']) => [/^\[(.*)\]/.exec(link)?.[1], does]);
  expect(rows).toEqual(COMMANDS.map(({ name, summary }) => [name, summary]));
});

test('the reference lists the connection flags and the flag of every command', () => {
  expect(rowsOf(cli, 'Connection')).toEqual(CONNECTION_OPTIONS.map(rowOf));
  expect(rowsOf(cli, 'On every command').map((cells) => cells.slice(0, 2))).toEqual([
    rowOf(LOG_LEVEL_OPTION).slice(0, 2),
  ]);
});

test.each(COMMANDS)('the reference has the flags and examples of $name', ({ name, options, examples }) => {
  const own = options.filter((option) => !CONNECTION_OPTIONS.includes(option) && !WORKER_FLAGS.includes(option));
  const heading = rowsOf(cli, name);
  expect(heading).toEqual(own.map(rowOf));
  const shell = cli.blocks.filter(({ language }) => language === 'sh').map(({ text }) => text.trim());
  expect(shell).toContain(examples.map(({ command }) => command).join('\n'));
});

test('the reference names the commands that take connection flags', () => {
  const names = COMMANDS.filter(({ options }) => options.includes(CONNECTION_OPTIONS[0] as CliOption)).map(
    ({ name }) => name,
  );
  const sentence = /## Connection\n\n([^.]*) take these/.exec(cli.text)?.[1] ?? '';
  expect([...sentence.matchAll(/`([a-z][a-z -]*)`/g)].map(([, name]) => name)).toEqual(names);
});

test('the reference of the configuration has every option of a worker with its sources, default and range', () => {
  const rows = Object.entries(workerConfig.options).map(([name, source]: [string, ConfigOption<unknown>], i) => {
    const { legacyVariable, setting, value } = source;
    const option = WORKER_FLAGS[i] as CliOption;
    const also = [legacyVariable, ...(setting === undefined ? [] : [`steadytext.${setting}`])].filter(
      (text) => text !== undefined,
    );
    return [flagCell(option), also.join(', '), option.defaultText ?? '', rangeOf(name, value.bounds), option.describes];
  });
  expect(rowsOf(configuration, 'Options of a worker')).toEqual(rows);
});

test('the reference of the configuration has every option of the embedding daemon with its default and range', () => {
  const rows = Object.entries(daemonConfig.options).map(([name, { flag, value }]: [string, ConfigOption<unknown>]) => {
    const option = DAEMON_FLAGS.find((each) => each.flag === flag) as CliOption; // an option of each name is there
    const [cell, meaning, byDefault] = rowOf(option);
    return [cell, byDefault, rangeOf(name, value.bounds), meaning];
  });
  expect(rowsOf(configuration, 'Options of the embedding daemon')).toEqual(rows);
});

function rangeOf(option: string, bounds: readonly number[] = []): string {
  return bounds.map((bound) => (option.endsWith('Ms') ? formatDuration(bound) : String(bound))).join(' to ');
}

test('no two flags of a command have the same name or environment variable', () => {
  for (const { options } of COMMANDS) {
    const names = [...options, LOG_LEVEL_OPTION].flatMap(({ flag, short }) => [
      flagVariable(flag),
      ...(short === undefined ? [] : [short]),
    ]);
    expect(new Set(names).size).toBe(names.length);
  }
});
