import process from 'node:process';

/** What the program tells the shell. */
export const EXIT = { done: 0, failed: 1, badUsage: 2, interrupted: 130 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

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
