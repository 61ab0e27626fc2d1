import { expect, test, vi } from 'vitest';
import { cpuLimit, readEnv } from './env.ts';

const files = (contents: Record<string, string>) => (path: string) => contents[path];

test('a CPU quota of the container limits the number of CPUs, never below one', () => {
  expect(cpuLimit(files({ '/sys/fs/cgroup/cpu.max': '100000 100000\n' }))).toBe(1);
  expect(cpuLimit(files({ '/sys/fs/cgroup/cpu.max': '20000 100000\n' }))).toBe(1);
  expect(
    cpuLimit(
      files({ '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '100000', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000' }),
    ),
  ).toBe(1);
});

test('the quota of a group around the process counts as its own does', () => {
  const systemd = '0::/system.slice/lamplighter.service\n';
  const limit = '/sys/fs/cgroup/system.slice/lamplighter.service/cpu.max';
  expect(cpuLimit(files({ '/proc/self/cgroup': systemd, [limit]: '100000 100000' }))).toBe(1);
  expect(
    cpuLimit(
      files({
        '/proc/self/cgroup': systemd,
        [limit]: 'max 100000',
        '/sys/fs/cgroup/system.slice/cpu.max': '100000 100000',
      }),
    ),
  ).toBe(1);
  const legacy = '/sys/fs/cgroup/cpu/jobs/7/cpu.cfs';
  expect(
    cpuLimit(
      files({
        '/proc/self/cgroup': '4:memory:/x\n3:cpu,cpuacct:/jobs/7\n0::/\n',
        [`${legacy}_quota_us`]: '150000',
        [`${legacy}_period_us`]: '100000',
      }),
    ),
  ).toBe(1);
});

test('without a quota the scheduler decides', () => {
  const unlimited = cpuLimit(files({}));
  expect(cpuLimit(files({ '/sys/fs/cgroup/cpu.max': 'max 100000\n' }))).toBe(unlimited);
  expect(
    cpuLimit(files({ '/sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1', '/sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000' })),
  ).toBe(unlimited);
});

test('an empty variable is unset', () => {
  vi.stubEnv('LAMPLIGHTER_TEST_EMPTY', '');
  expect(readEnv()['LAMPLIGHTER_TEST_EMPTY']).toBeUndefined();
  vi.unstubAllEnvs();
});
