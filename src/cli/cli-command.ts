import type { Logger } from '../core/log.ts';
import type { ModelProvider } from '../models/provider.ts';
import type { CliOption, OptionInput } from './cli-option.ts';
import type { ExitCode } from './exit-code.ts';
import type { Interruption } from './interruption.ts';
import type { Terminal } from './terminal.ts';

/** What a command is given to run with. */
export interface Invocation extends OptionInput {
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

/** One command: everything that help, the parser and the reference need to know. */
export interface CliCommand {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What else its help says, as sentences. */
  readonly details: string;
  readonly options: readonly CliOption[];
  readonly examples: readonly Example[];
  /** From which level on it logs, unless `--log-level` says otherwise. */
  readonly logLevel: 'info' | 'warn' | 'error';
  run(invocation: Invocation): Promise<ExitCode>;
}
