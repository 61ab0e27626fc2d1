/**
 * Runs the program `lamplighter` many times in one process, as starting one for each would take a second. Standard input is JSON, a list of
 * { args, env }; for each one line of JSON comes out: { code, stdout, stderr }. Log lines go to standard error as they are.
 */
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { runProgram } from '../../src/cli/run-program.ts';

interface Run {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const runs = JSON.parse(await text(process.stdin)) as readonly Run[];
const writeLine = process.stdout.write.bind(process.stdout);

/** Collects what is written to a stream until it is given back. */
function capture(stream: NodeJS.WriteStream): { end(): string } {
  const { write } = stream;
  let written = '';
  stream.write = (chunk: string | Uint8Array) => {
    written += String(chunk);
    return true;
  };
  return {
    end() {
      stream.write = write;
      return written;
    },
  };
}

for (const { args, env } of runs) {
  process.env = { PATH: '/nowhere', HOME: '/nowhere', ...env };
  const [stdout, stderr] = [capture(process.stdout), capture(process.stderr)];
  const code = await runProgram('lamplighter', args);
  const result = { code, stdout: stdout.end(), stderr: stderr.end() };
  // Each run of the program listens for signals until its process ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(signal);
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error');
  writeLine(`${JSON.stringify(result)}\n`);
}
process.exit(0);
