import process from 'node:process';

/**
 * Begins to measure the processor time of this process; each call of the answer gives the milliseconds since. A bound of what is computed
 * here is held against this and not against the clock, as other work on the machine takes no part of it.
 */
export function startCpuTimer(): () => number {
  const before = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
}
