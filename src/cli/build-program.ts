import { Command, Help, Option } from 'commander';
import { flagKey } from '../core/config/define-config.ts';
import { LamplighterError } from '../core/errors.ts';
import { showValue } from '../core/show-value.ts';
import { VERSION } from '../core/version.ts';
import type { CliArgument, CliCommand } from './cli-command.ts';
import type { CliOption, Flags } from './cli-option.ts';
import { LOG_LEVEL_OPTION } from './common-options.ts';

/** Runs a command with the flags that the parser found. */
export type Execute = (command: CliCommand, flags: Flags, args: readonly string[]) => Promise<void>;

const ENVIRONMENT_NOTE =
  'Every flag can be given in the environment as well:\n--poll-interval is LAMPLIGHTER_POLL_INTERVAL.';

/** A parser for all commands; it throws CommanderError instead of ending the process, and prints help but no errors. */
export function buildProgram(name: string, commands: readonly CliCommand[], execute: Execute): Command {
  const program = new Command(name)
    .description('SQL in the background, AI requests, and vectors that follow their texts, for any PostgreSQL.')
    .usage('<command> [flags]')
    .configureHelp({ subcommandTerm: nameInList, visibleCommands: listedCommands })
    .helpCommand('help [command]', 'show the help of a command')
    .addHelpText(
      'after',
      `\n"${name} <command> --help" has the flags of a command, with examples.\n${ENVIRONMENT_NOTE}`,
    );
  prepare(program);
  for (const command of commands) define(parserFor(program, command.name), name, command, execute);
  return program;
}

/** A parser inside the program; for a command of two words, inside the group that its first word names. */
function parserFor(program: Command, name: string): Command {
  const [first = '', second] = name.split(' ');
  if (second === undefined) return program.command(first);
  const known = program.commands.find((command) => command.name() === first);
  if (known !== undefined) return known.command(second);
  const group = program.command(first).usage('<command> [flags]').helpCommand(false);
  group.copyInheritedSettings(program).helpOption('-h, --help', 'show this help');
  return group.command(second);
}

/** Commands in a group stand in the list one by one. */
function listedCommands(parser: Command): Command[] {
  const listed = (command: Command) => new Help().visibleCommands(command);
  return listed(parser).flatMap((command) => {
    const inner = listed(command);
    return inner.length === 0 ? [command] : inner;
  });
}

function nameInList(command: Command): string {
  return command.parent?.parent ? `${command.parent.name()} ${command.name()}` : command.name();
}

/** A parser for a program that is one command, such as `steadytext-worker`. */
export function buildSingleCommand(name: string, command: CliCommand, execute: Execute): Command {
  const program = new Command(name);
  prepare(program);
  return define(program, undefined, command, execute);
}

function prepare(program: Command): void {
  program
    .version(`${program.name()} ${VERSION}`, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
}

function define(parser: Command, program: string | undefined, command: CliCommand, execute: Execute): Command {
  parser.copyInheritedSettings(parser.parent ?? parser);
  parser
    .summary(command.summary)
    .description(command.details)
    .usage(command.argument === undefined ? '[flags]' : `[flags] ${placeholderOf(command.argument)}`)
    .helpOption('-h, --help', 'show this help');
  if (command.argument !== undefined) parser.argument(placeholderOf(command.argument), command.argument.describes);
  const logLevel: CliOption = { ...LOG_LEVEL_OPTION, defaultText: command.logLevel };
  for (const option of [...command.options, logLevel]) parser.addOption(optionOf(option));
  for (const flag of Object.keys(command.refusedFlags ?? {}))
    parser.addOption(new Option(`--${flag} [value]`).hideHelp());
  const prefix = program === undefined ? parser.name() : `${program} ${command.name}`;
  const examples = command.examples.map((example) => {
    const line = example.command.replace(`lamplighter ${command.name}`, prefix);
    return `  # ${example.does}\n  ${line}`;
  });
  parser.addHelpText('after', `\nExamples:\n${examples.join('\n')}\n\n${ENVIRONMENT_NOTE}`);
  const run = async (flags: Flags, args: readonly string[]) => {
    refuseFlags(command, flags);
    return execute(command, flags, args);
  };
  if (command.argument === undefined) return parser.action((flags: Flags) => run(flags, []));
  return parser.action((given: string | readonly string[] | undefined, flags: Flags) =>
    run(flags, given === undefined ? [] : [given].flat()),
  );
}

/** @throws LamplighterError USAGE with what to write instead of the flag of another program. */
function refuseFlags({ name, refusedFlags = {} }: CliCommand, flags: Flags): void {
  for (const [flag, hint] of Object.entries(refusedFlags)) {
    if (flags[flagKey(flag)] === undefined) continue;
    throw new LamplighterError('USAGE', `"${name}" has no --${flag}`, { hint });
  }
}

function placeholderOf({ name, isRepeatable }: CliArgument): string {
  return `[${name}${isRepeatable === true ? '...' : ''}]`;
}

function optionOf({ flag, short, argument, isRepeatable, isFilter, describes, defaultText }: CliOption): Option {
  const names = `${short === undefined ? '' : `-${short}, `}--${flag}${argument === undefined ? '' : ` <${argument}>`}`;
  const notes = [
    ...(isRepeatable === true ? ['may be repeated'] : []),
    ...(defaultText === undefined ? [] : [`default: ${defaultText}`]),
  ];
  const option = new Option(names, notes.length === 0 ? describes : `${describes} (${notes.join('; ')})`);
  if (isRepeatable === true) {
    option.argParser((value: string, earlier: readonly string[] = []) => [...earlier, value]);
  } else if (isFilter === true) {
    option.argParser((value: string, earlier?: string) => {
      if (earlier === undefined) return value;
      throw new LamplighterError('USAGE', `--${flag}: expected one, got ${showValue(earlier)} and ${showValue(value)}`);
    });
  }
  return option;
}
