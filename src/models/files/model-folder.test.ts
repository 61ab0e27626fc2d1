import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { modelFolder, pathInside } from './model-folder.ts';

const env = { HOME: '/home/me', USERPROFILE: '/home/me' };

test.each([
  ['linux', {}, '/home/me/.cache/lamplighter/models'],
  ['linux', { XDG_CACHE_HOME: '/var/cache' }, '/var/cache/lamplighter/models'],
  ['linux', { XDG_CACHE_HOME: 'relative' }, '/home/me/.cache/lamplighter/models'],
  ['freebsd', {}, '/home/me/.cache/lamplighter/models'],
  ['darwin', { XDG_CACHE_HOME: '/var/cache' }, '/home/me/Library/Caches/lamplighter/models'],
  ['win32', { LOCALAPPDATA: '/local' }, '/local/lamplighter/models'],
  ['win32', {}, '/home/me/AppData/Local/lamplighter/models'],
] as const)('on %s with %j models are kept in %s', (platform, more, folder) => {
  expect(modelFolder({ ...env, ...more }, undefined, platform)).toBe(folder);
});

test('a folder that is given wins over the variable, and both over the convention', () => {
  expect(modelFolder({ ...env, LAMPLIGHTER_MODEL_DIR: '/a' }, '/b')).toBe('/b');
  expect(modelFolder({ ...env, LAMPLIGHTER_MODEL_DIR: '/a' })).toBe('/a');
  expect(modelFolder({ ...env, LAMPLIGHTER_MODEL_DIR: 'a' })).toBe(resolve('a'));
  expect(modelFolder({ ...env, LAMPLIGHTER_MODEL_DIR: '~/a' })).toBe('/home/me/a');
});

test.each(['a/b.onnx', 'model.onnx_data', '1_Pooling/config.json', '..a', 'a..b'])('%s is inside', (name) => {
  expect(pathInside('/models', name)).toBe(`/models/${name}`);
});

test.each(['', '.', '..', '../a', 'a/..', 'a/../b', '/a', 'a//b', 'a/', 'a\\b', 'C:a', 'a\u0000b', 'a\nb'])(
  '%j is refused',
  (name) => {
    expect(() => pathInside('/root', name)).toThrow(expect.objectContaining({ code: 'MODEL_FAILED' }));
  },
);
