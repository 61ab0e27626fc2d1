import process from 'node:process';
import { EXIT, type ExitCode } from './exit-code.ts';

/**
 * Ends the process when all that was printed has been taken over: writes to a pipe are asynchronous, and `process.exit` alone keeps 64 kB
 * of a longer script. A reader that has gone (`| head`) is not waited for, and is no error; one that has stopped reading is, until a signal comes.
 */
export async function exitAfterOutput(code: ExitCode): Promise<never> {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.failed));
  await Promise.all([process.stdout, process.stderr].map(flush));
  process.exit(code);
}

function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
