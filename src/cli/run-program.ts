import { CommanderError } from 'commander';
import { flagVariable } from '../core/config/define-config.ts';
import { type Env, readEnv } from '../core/env.ts';
import { isLamplighterError, LamplighterError } from '../core/errors.ts';
import { createLogger, type LogLevel } from '../core/log.ts';
import { withProcessId } from '../core/process-id.ts';
import { suggest } from '../core/suggest.ts';
import { createProviders } from '../models/create-providers.ts';
import type { ModelProvider } from '../models/provider.ts';
import { workerConfig } from '../worker/config.ts';
import { buildProgram, buildSingleCommand, type Execute } from './build-program.ts';
import { type Flags, readOption } from './cli-option.ts';
import { workerCommand } from './commands/worker.ts';
import { COMMANDS } from './commands.ts';
import { LOG_LEVEL_OPTION, readLogLevel } from './common-options.ts';
import { DEMO_GGUF_VARIABLE } from './demo/generate-steps.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { codeOfInterruption, watchSignals } from './interruption.ts';
import { printError } from './print-error.ts';
import { openTerminal } from './terminal.ts';
import { warnOfUnknownVariables } from './unknown-variables.ts';

const MODEL_OPTIONS = ['embedModel', 'generateModel', 'rerankModel'] as const;

export type ProgramName = 'lamplighter' | 'lantern-cli' | 'steadytext-worker';

export interface ProgramParts {
  /** Where models come from. @default every runtime that comes with the program */
  readonly providers?: readonly ModelProvider[];
}

/** Runs one of the programs to its end, prints whatever went wrong, and resolves with the code to exit with; never rejects. */
export async function runProgram(
  name: ProgramName,
  args: readonly string[],
  parts: ProgramParts = {},
): Promise<ExitCode> {
  const env = readEnv();
  const terminal = openTerminal();
  const interruption = watchSignals();
  let code: ExitCode = EXIT.done;
  let level: LogLevel | undefined;

  const execute: Execute = async (command, flags, args) => {
    level = readOption({ flags, env }, LOG_LEVEL_OPTION, readLogLevel) ?? command.logLevel;
    const plain = createLogger({ level, pretty: terminal.logs.isPretty, color: terminal.logs.isColoured });
    const log = command.isService === true ? withProcessId(plain) : plain;
    for (const warning of warnOfUnknownVariables(env, COMMANDS)) {
      if (log.isLevelEnabled('warn')) log.warn(warning);
      else if (level !== 'silent') terminal.printError(`warning: ${warning}`);
    }
    const providers = parts.providers ?? createProviders({ env, given: givenModels(flags, env), log });
    code = await command.run({ flags, args, env, terminal, interruption, log, providers });
  };
  const program =
    name === 'steadytext-worker'
      ? buildSingleCommand(name, workerCommand, execute)
      : buildProgram(name, COMMANDS, execute);
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    // Help was printed in place of an error: there was no command.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.badUsage;
    if (interruption.first.aborted) return codeOfInterruption(interruption);
    const failure = error instanceof CommanderError ? usageError(error, name, args) : error;
    printError(failure, terminal, level === 'debug');
    return isBadUsage(failure) ? EXIT.badUsage : EXIT.failed;
  }
}

/** What flags and environment name as models; only there a path is a model. */
function givenModels(flags: Flags, env: Env): (string | undefined)[] {
  const named = MODEL_OPTIONS.flatMap((option) => {
    const flag = flags[option];
    const { flag: name } = workerConfig.options[option];
    return [typeof flag === 'string' ? flag : undefined, env[flagVariable(name)]];
  });
  return [...named, env[DEMO_GGUF_VARIABLE]];
}

function isBadUsage(error: unknown): boolean {
  return isLamplighterError(error) && (error.code === 'USAGE' || error.code === 'CONFIG_INVALID');
}

/**
 * The parser's error in our words: it says `error: unknown option '--ur'`, and `(Did you mean --uri?)` on a line of its own. Among commands
 * it looks for second words alone where a command has two.
 */
function usageError(error: CommanderError, name: ProgramName, args: readonly string[]): LamplighterError {
  const said = error.message.replace(/^error: /, '').replace(/\s*\n\s*\(Did you mean/, ' (did you mean');
  const message = error.code === 'commander.unknownCommand' ? unknownCommand(said, args) : said;
  const command = COMMANDS.find((known) => [args[0], args.slice(0, 2).join(' ')].includes(known.name));
  const group = COMMANDS.some((known) => known.name.startsWith(`${args[0]} `)) ? args[0] : undefined;
  const help = [name, command?.name ?? group, '--help'].filter((part) => part !== undefined).join(' ');
  return new LamplighterError('USAGE', message, { cause: error, hint: `"${help}" shows what there is.` });
}

function unknownCommand(said: string, args: readonly string[]): string {
  const [first = '', second = ''] = args;
  const inGroup = COMMANDS.map(({ name }) => name.split(' ')).filter(([group, verb]) => group === first && verb);
  const near =
    inGroup.length === 0
      ? suggest(first, new Set(COMMANDS.map(({ name }) => name.split(' ')[0] ?? name)))
      : suggest(second, new Set(inGroup.map(([, verb]) => verb ?? '')));
  const [message = said] = said.split(' (did you mean');
  return near === undefined ? message : `${message} (did you mean ${near}?)`;
}
