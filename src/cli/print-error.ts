import { isLamplighterError, messageOf } from '../core/errors.ts';
import { toPrintable } from '../core/printable.ts';
import { redact } from '../core/redact.ts';
import type { Terminal } from './terminal.ts';

interface Wording {
  readonly message: string;
  readonly hint: string | undefined;
}

/** One line that says what is wrong and one that says what to do, on standard error, without any secret; the stack only when asked for. */
export function printError(error: unknown, terminal: Terminal, showStack: boolean): void {
  const { errorStyle } = terminal;
  const { message, hint } = wordingOf(error);
  terminal.printError(`${errorStyle.red('error:')} ${shown(message)}`);
  if (hint !== undefined) terminal.printError(`${errorStyle.cyan('hint:')} ${shown(hint)}`);
  if (showStack) for (const stack of stacksOf(error)) terminal.printError(errorStyle.dim(shown(stack)));
}

function shown(text: string): string {
  return toPrintable(redact(text));
}

function wordingOf(error: unknown): Wording {
  if (isLamplighterError(error)) return { message: error.message, hint: error.hint };
  if (error instanceof Error && 'severity' in error && 'code' in error) {
    const hint = ['hint', 'detail'].map((field) => Reflect.get(error, field)).find((text) => typeof text === 'string');
    return { message: `The database refused: ${error.message} (SQLSTATE ${String(error.code)})`, hint };
  }
  const hint =
    'This is a defect of Lamplighter, or something on this machine; --log-level debug shows where it happened.';
  return { message: `Unexpected: ${messageOf(error)}`, hint };
}

function stacksOf(error: unknown): string[] {
  const stacks: string[] = [];
  for (let current: unknown = error; current instanceof Error && stacks.length < 5; current = current.cause) {
    stacks.push(current.stack ?? String(current));
  }
  return stacks;
}
