import type { Logger } from '../core/log.ts';
import type { ModelProvider } from '../models/provider.ts';
import type { CliOption, OptionInput } from './cli-option.ts';
import type { ExitCode } from './exit.ts';
import type { Interruption } from './interruption.ts';
import type { Terminal } from './terminal.ts';

/** What a command is given to run with. */
export interface Invocation extends OptionInput {
  /** What stands on the command line beside flags; empty for commands that take nothing there. */
  readonly args: readonly string[];
  readonly terminal: Terminal;
  readonly interruption: Interruption;
  /** Writes to standard error. */
  readonly log: Logger;
  /** Where models come from. */
  readonly providers: readonly ModelProvider[];
}

export interface Example {
  readonly command: string;
  readonly does: string;
}

/** What a command takes beside flags. */
export interface CliArgument {
  /** What it is called in help. */
  readonly name: string;
  readonly describes: string;
  /** May be given several times. */
  readonly isRepeatable?: boolean;
}

/** One command: everything that help, the parser and the reference need to know. */
export interface CliCommand {
  /** One word, or two where several commands are about one thing. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What else its help says, as sentences. */
  readonly details: string;
  readonly options: readonly CliOption[];
  /** Optional on the command line. */
  readonly argument?: CliArgument;
  /** Flags of other programs that users may bring along, with what to write instead; they are refused by name. @default none */
  readonly refusedFlags?: Readonly<Record<string, string>>;
  readonly examples: readonly Example[];
  /** The lowest level that it logs, unless `--log-level` says otherwise. */
  readonly logLevel: 'info' | 'warn' | 'error';
  /** Runs until it is stopped, so that its log lines name the process. @default false */
  readonly isService?: boolean;
  run(invocation: Invocation): Promise<ExitCode>;
}
