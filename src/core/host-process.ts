import { readFileSync, readlinkSync } from 'node:fs';
import { isRunning, pid } from './env.ts';

/**
 * What tells this process from all others, earlier ones with its pid included: the boot, the namespaces of pids and time, the
 * pid and when it started. Undefined where that cannot be told, as it can on Linux alone.
 */
export const HOST_PROCESS: string | undefined = readHostProcess();

/** The part of {@link HOST_PROCESS} that processes share which can see whether the others run. */
export const HOST_PREFIX: string | undefined = HOST_PROCESS?.split(' ').slice(0, 2).join(' ');

/**
 * True where it is certain that a process has ended, by its {@link HOST_PROCESS}: it was one of this boot and namespace, and the kernel has
 * none that began then under its pid, or only what its parent has not taken leave of yet. A process that hangs or is stopped has not ended.
 */
export function hasEnded(hostProcess: string): boolean {
  const [boot, namespace, id = '', start] = hostProcess.split(' ');
  if (HOST_PREFIX === undefined || `${boot} ${namespace}` !== HOST_PREFIX) return false;
  if (!isRunning(Number(id))) return true;
  const found = readStat(id);
  return found !== undefined && (found.start !== start || found.state === 'Z' || found.state === 'X');
}

function readHostProcess(): string | undefined {
  // Of another namespace of pids, as a container may have it.
  if (tryRead(() => readlinkSync('/proc/self')) !== `${pid}`) return undefined;
  const start = readStat(`${pid}`)?.start;
  const boot = tryRead(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  // The start is told by the clock of the namespace of time, where the kernel has these.
  const namespaces = ['pid', 'time']
    .map((name) => tryRead(() => readlinkSync(`/proc/self/ns/${name}`)) ?? '-')
    .join('/');
  if (start === undefined || boot === undefined || namespaces.startsWith('-')) return undefined;
  return `${boot} ${namespaces} ${pid} ${start}`;
}

/** Fields 3 and 22 of proc_pid_stat(5); the second one is a name in parentheses, which may have any character. */
function readStat(id: string): { readonly state: string; readonly start: string } | undefined {
  const text = tryRead(() => readFileSync(`/proc/${id}/stat`, 'utf8'));
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
  const [state, start] = [fields[0], fields[19]];
  return state === undefined || start === undefined ? undefined : { state, start };
}

function tryRead(read: () => string): string | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
