import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Reads the newest server pid and folder to remove; the end of its input without `done` means that the process which wrote them is
 * gone, however it went. $1 is the signal for the server.
 */
const SCRIPT = `
server= folder=
while read -r word value; do
  case $word in
    server) server=$value ;;
    remove) folder=$value ;;
    done) exit 0 ;;
  esac
done
if [ -n "$server" ]; then
  kill "-$1" "$server" 2>/dev/null
  tries=0
  while kill -0 "$server" 2>/dev/null && [ $tries -lt 600 ]; do sleep 0.1; tries=$((tries + 1)); done
fi
if [ -n "$folder" ]; then
  # A cluster that is still being made writes into the folder while it is removed.
  tries=0
  rm -rf -- "$folder" 2>/dev/null
  while [ $tries -lt 20 ]; do sleep 0.1; tries=$((tries + 1)); [ -e "$folder" ] && rm -rf -- "$folder" 2>/dev/null; done
fi
`;

export interface Watchdog {
  /** The server to stop when this process dies; undefined when there is none (any more). */
  watchServer(pid: number | undefined): void;
  /** The folder to remove when this process dies, after the server has ended; undefined for none. */
  watchFolder(path: string | undefined): void;
  /** Ends the watch without any action. */
  dismiss(): Promise<void>;
}

/**
 * Starts a small shell that outlives this process, even SIGKILL, and then stops the server and removes the folder it was told of.
 * It notices by its standard input: the kernel closes our end of that pipe. It has a session of its own, so that Ctrl-C at a
 * terminal reaches only this process, which stops things in the right order.
 */
export function startWatchdog(stopSignal: 'INT' | 'QUIT'): Watchdog {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'watchdog', stopSignal], {
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = once(shell, 'close').catch(() => undefined);
  // Writing to a watchdog that somebody killed must not end this process.
  shell.stdin.on('error', () => undefined);
  shell.unref();
  const tell = (word: string, value: string | number = '') => shell.stdin.write(`${word} ${value}\n`);
  return {
    watchServer: (pid) => tell('server', pid),
    watchFolder: (path) => tell('remove', path),
    async dismiss() {
      shell.ref();
      tell('done');
      shell.stdin.end();
      await ended;
    },
  };
}
