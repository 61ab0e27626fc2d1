import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { LamplighterError, messageOf } from '../../core/errors.ts';
import { MODEL_DIR_VARIABLE } from './model-folder.ts';
import { isMissing } from './model-layout.ts';

const KEPT = 'what was fetched is kept, and the same command goes on with it';

/** A failure to write below the folder of models as an error that says what to do; other errors as they are. */
export function diskProblem(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const fail = (message: string, hint: string) =>
    new LamplighterError('DOWNLOAD_FAILED', message, { cause: error, hint });
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return fail(`The disk is full: ${path} could not be written to its end`, `Make room: ${KEPT}. ${ELSEWHERE}`);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return fail(
        `${path} cannot be used: ${messageOf(error)}`,
        `Give this user the right to write there. ${ELSEWHERE}`,
      );
    case 'ENOTDIR':
    case 'EEXIST':
      return fail(`${path} cannot be used: a file is where a folder has to be`, ELSEWHERE);
    default:
      if (!(error instanceof Error && 'syscall' in error)) return error;
      return fail(`${path} cannot be used: ${messageOf(error)}`, ELSEWHERE);
  }
}

/** Makes a folder and those above it; fails with what the system says, where Node reports a read-only disk as a missing folder. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    if (!isMissing(error)) throw diskProblem(error, path);
    for (let missing = path; ; missing = dirname(missing)) {
      const problem = await mkdir(missing).catch((caught: unknown) => caught);
      if (problem !== undefined && !isMissing(problem)) throw diskProblem(problem, path);
      if (missing === dirname(missing)) throw diskProblem(error, path);
    }
  }
}

/** Refuses to begin what cannot end. */
export function tooLittleRoom(folder: string, neededBytes: number, freeBytes: number): LamplighterError {
  const megabytes = (bytes: number) => `${(Math.ceil(bytes / 1e5) / 10).toFixed(1)} MB`;
  return new LamplighterError(
    'DOWNLOAD_FAILED',
    `The disk is too full: ${megabytes(neededBytes)} are needed in ${folder}, and ${megabytes(freeBytes)} are free`,
    { hint: `Make room. ${ELSEWHERE}` },
  );
}

const ELSEWHERE = `Another folder can be chosen with --model-dir or ${MODEL_DIR_VARIABLE}.`;
