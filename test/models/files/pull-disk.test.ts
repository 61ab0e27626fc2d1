import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, describe, expect, test } from 'vitest';
import { FILES, setUpPull, WEIGHTS } from './pull-setup.ts';
import { bytesOf, sha256Of } from './stub-hub.ts';

const run = (program: string, ...args: readonly string[]) => execFileSync(program, args, { stdio: 'ignore' });

/** Mounting needs rights that few test machines give. */
function mountSmallDisk(): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-disk-'));
  try {
    run('mount', '-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', folder);
    return folder;
  } catch {
    rmdirSync(folder);
    return undefined;
  }
}

const disk = process.platform === 'linux' ? mountSmallDisk() : undefined;
afterAll(() => {
  if (disk === undefined) return;
  run('umount', disk);
  rmdirSync(disk);
});

describe.skipIf(disk === undefined)('on a small disk (skipped where none can be mounted)', () => {
  test('what does not fit is not begun', async () => {
    const { pull, hub } = await setUpPull();
    const root = join(disk ?? '', 'a');
    await expect(pull({ root })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringMatching(/^The disk is too full: 0\.5 MB are needed in .*, and 0\.[34] MB are free$/),
      hint: expect.stringContaining('--model-dir or LAMPLIGHTER_MODEL_DIR'),
    });
    expect(hub.requests.filter(({ method }) => method === 'GET')).toEqual([]);
  });

  test('a disk that fills up meanwhile is told, and the download goes on once there is room', async () => {
    const { pull, hub } = await setUpPull();
    const root = join(disk ?? '', 'b');
    const filler = join(disk ?? '', 'filler');
    hub.commit('org/repo', 'c'.repeat(40), { ...FILES, [WEIGHTS]: bytesOf('small', 200_000) });
    hub.faults = (request) => {
      // After the look at the room, before the bytes come.
      if (request.from === 'storage' && request.path.endsWith(WEIGHTS)) writeFileSync(filler, Buffer.alloc(150_000));
      return undefined;
    };
    await expect(pull({ root })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
      message: expect.stringMatching(/^The disk is full: /),
      hint: expect.stringContaining('what was fetched is kept, and the same command goes on with it'),
    });
    rmSync(filler);
    hub.faults = () => undefined;
    const before = hub.requests.length;
    expect(await pull({ root })).toMatchObject({ fetched: expect.arrayContaining([WEIGHTS]) });
    expect(hub.requests.slice(before).some(({ range }) => range !== undefined)).toBe(true);
  });
});

test.skipIf(process.platform !== 'linux')('a device without room is told by what it is (Linux only)', async () => {
  const { pull, path } = await setUpPull();
  mkdirSync(path('onnx'), { recursive: true });
  symlinkSync('/dev/full', `${path(WEIGHTS)}.${sha256Of(FILES[WEIGHTS]).slice(-12)}.partial`);
  await expect(pull()).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: expect.stringMatching(/^The disk is full: .*\.partial could not be written to its end$/),
  });
});

test('a folder that cannot be made is told', async () => {
  const { pull, root, hub } = await setUpPull();
  writeFileSync(join(root, 'file'), '');
  await expect(pull({ root: join(root, 'file', 'models') })).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: expect.stringContaining('a file is where a folder has to be'),
  });
  expect(hub.requests).toEqual([]);
});

test.skipIf(process.getuid?.() === 0)('a folder without rights is told (skipped for root, who has all)', async () => {
  const { pull, root } = await setUpPull();
  const closed = join(root, 'closed');
  mkdirSync(closed, { mode: 0o500 });
  await expect(pull({ root: closed })).rejects.toMatchObject({ message: expect.stringContaining('permission denied') });
});

describe.skipIf(disk === undefined)('on a disk that is read only (skipped where none can be mounted)', () => {
  test('is told', async () => {
    run('mount', '-o', 'remount,ro', disk ?? '');
    try {
      const { pull } = await setUpPull();
      await expect(pull({ root: join(disk ?? '', 'other') })).rejects.toMatchObject({
        code: 'DOWNLOAD_FAILED',
        message: expect.stringContaining('read-only file system'),
        hint: expect.stringContaining('Give this user the right to write there'),
      });
    } finally {
      run('mount', '-o', 'remount,rw', disk ?? '');
    }
  });
});
