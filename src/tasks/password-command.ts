import { execFile } from 'node:child_process';
import { platform } from '../core/env.ts';
import { LamplighterError } from '../core/errors.ts';

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 1_048_576;

/**
 * The password that a command prints for a role, as its first line: the command is given the role as its last argument, never as part of a
 * shell's text. On Windows it is one program without arguments of its own.
 *
 * @throws LamplighterError AUTHENTICATION_FAILED when the command fails, prints nothing or takes more than 30 s; what it wrote to standard
 * error is in the message, what it printed is not.
 */
export async function runPasswordCommand(command: string, role: string, signal?: AbortSignal): Promise<string> {
  const [file, args] = platform === 'win32' ? [command, [role]] : ['/bin/sh', ['-c', `${command} "$@"`, command, role]];
  const printed = await new Promise<string>((resolve, reject) => {
    execFile(
      file,
      args,
      { timeout: TIMEOUT_MS, maxBuffer: MAX_BYTES, encoding: 'utf8', ...(signal === undefined ? {} : { signal }) },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(failed(role, reasonOf(error, stderr), error));
      },
    );
  });
  const [password = ''] = printed.split(/\r?\n/, 1);
  if (password === '') throw failed(role, 'it printed no password');
  return password;
}

function reasonOf(error: Error & { readonly killed?: boolean; readonly code?: unknown }, stderr: string): string {
  if (error.killed === true) return `it did not end within ${TIMEOUT_MS / 1_000} s`;
  const said = stderr
    .trim()
    .replaceAll(/\s*\n\s*/g, ' ')
    .slice(0, 500);
  return `it ended with ${String(error.code ?? 'an error')}${said === '' ? '' : `: ${said}`}`;
}

function failed(role: string, reason: string, cause?: unknown): LamplighterError {
  return new LamplighterError(
    'AUTHENTICATION_FAILED',
    `The password command gave no password for role "${role}": ${reason}`,
    { cause, hint: 'Run the command of --task-password-command by hand with the role as its last argument.' },
  );
}
