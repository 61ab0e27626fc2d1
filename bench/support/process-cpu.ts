import { readdir, readFile } from 'node:fs/promises';

/** Linux counts in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;
const NANOSECONDS_PER_TICK = 1e9 / TICKS_PER_SECOND;

interface ProcessStat {
  readonly name: string;
  readonly parent: number;
  /** Used by the process itself; whole ticks, where only those are known. */
  readonly ownTicks: number;
  /** Used by children of it that have ended. */
  readonly childTicks: number;
}

/** The line of /proc/PID/stat; undefined when there is no such process, or no /proc. Fields as in proc(5). */
async function readStat(pid: number): Promise<ProcessStat | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const nameEnd = text.lastIndexOf(')');
  const fields = text.slice(nameEnd + 2).split(' ');
  const at = (field: number) => Number(fields[field - 3]);
  return {
    name: text.slice(text.indexOf('(') + 1, nameEnd),
    parent: at(4),
    ownTicks: (at(20) === 1 ? await readExactTicks(pid) : undefined) ?? at(14) + at(15),
    childTicks: at(16) + at(17),
  };
}

/** What the only thread of a process has used, with its fractions: the scheduler counts nanoseconds of each thread. */
async function readExactTicks(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/schedstat`, 'utf8').catch(() => '');
  const nanoseconds = Number(text.split(' ', 1)[0]);
  return nanoseconds > 0 ? nanoseconds / NANOSECONDS_PER_TICK : undefined;
}

/** The process that started `pid`, if both have that name: a server on another machine has neither. */
export async function parentOf(pid: number, name: string): Promise<number | undefined> {
  const stat = await readStat(pid);
  if (stat?.name !== name) return undefined;
  return (await readStat(stat.parent))?.name === name ? stat.parent : undefined;
}

/** Seconds of CPU used by a process, its children and those of its children that have ended. */
export async function readTreeCpu(root: number): Promise<number> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  const stats = await Promise.all(pids.map(async (pid) => ({ pid, stat: await readStat(pid) })));
  let ticks = 0;
  for (const { pid, stat } of stats) {
    if (stat === undefined) continue;
    if (pid === root) ticks += stat.ownTicks + stat.childTicks;
    else if (stat.parent === root) ticks += stat.ownTicks;
  }
  return ticks / TICKS_PER_SECOND;
}
