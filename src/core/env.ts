import { readFileSync } from 'node:fs';
import { availableParallelism, homedir, hostname as osHostname, userInfo } from 'node:os';
import process from 'node:process';

/** Environment variables; an empty value counts as unset, as it does for libpq. */
export type Env = Readonly<Record<string, string | undefined>>;

/** A copy of the process environment without empty values; later changes to the process do not show in it. */
export function readEnv(): Env {
  return Object.freeze(Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== '')));
}

export const platform: NodeJS.Platform = process.platform;
export const architecture: string = process.arch;
export const pid: number = process.pid;

/** Resident memory of this process, in bytes. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/** The name of this host, for people to read; not an identity. */
export function hostname(): string {
  return osHostname();
}

/** Whether a process of this machine runs; one of another user counts, one that cannot be seen from this container does not. */
export function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** The numeric user id; undefined on Windows. */
export function uid(): number | undefined {
  return process.getuid?.();
}

/** The name of the operating system's user; undefined when it has none, as in a container with a made-up uid. */
export function osUserName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}

/** The home folder, `HOME` or `USERPROFILE` first. */
export function homeFolder(env: Env): string {
  return (platform === 'win32' ? env['USERPROFILE'] : env['HOME']) ?? homedir();
}

/**
 * CPUs this process may use at once: the scheduler's mask, or the quota of its control group or of one around it (cgroup v2 or v1),
 * whichever is least; at least 1.
 */
export function cpuLimit(readText: (path: string) => string | undefined = readTextFile): number {
  return Math.max(1, Math.floor(Math.min(availableParallelism(), ...cgroupCpus(readText))));
}

/** What each control group allows that holds this process. */
function cgroupCpus(readText: (path: string) => string | undefined): number[] {
  const lines = readText('/proc/self/cgroup')?.trim().split('\n') ?? [];
  const groupOf = (isIts: (controllers: string) => boolean) =>
    lines.map((line) => line.split(':')).find(([, controllers = '']) => isIts(controllers))?.[2] ?? '/';
  const unified = groupOf((controllers) => controllers === '');
  const legacy = groupOf((controllers) => controllers.split(',').includes('cpu'));
  const limits = [
    ...foldersUpFrom(unified).map((folder) => readText(`/sys/fs/cgroup${folder}cpu.max`)?.trim().split(/\s+/)),
    ...foldersUpFrom(legacy).map((folder) => [
      readText(`/sys/fs/cgroup/cpu${folder}cpu.cfs_quota_us`),
      readText(`/sys/fs/cgroup/cpu${folder}cpu.cfs_period_us`),
    ]),
  ];
  return limits
    .map((limit) => Number(limit?.[0]) / Number(limit?.[1]))
    .filter((cpus) => Number.isFinite(cpus) && cpus > 0);
}

/** `/a/b` gives `/a/b/`, `/a/` and `/`. */
function foldersUpFrom(group: string): string[] {
  const parts = group.split('/').filter((part) => part !== '');
  return [...parts.map((_, at) => `/${parts.slice(0, parts.length - at).join('/')}/`), '/'];
}

function readTextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
