import { join, resolve } from 'node:path';
import { type Env, homeFolder, platform as ownPlatform } from '../../core/env.ts';
import { LamplighterError } from '../../core/errors.ts';
import { showValue } from '../../core/show-value.ts';

/** The environment's name for the folder of models. */
export const MODEL_DIR_VARIABLE = 'LAMPLIGHTER_MODEL_DIR';

// On Windows a backslash separates too, and a colon names a drive or a stream.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const UNSAFE = /[\\:\u0000-\u001f]/;

/**
 * The folder that holds downloaded models, absolute: the given one, else `LAMPLIGHTER_MODEL_DIR`, else
 * `lamplighter/models` in the platform's folder for caches. It need not exist.
 */
export function modelFolder(env: Env, modelDir?: string, platform: NodeJS.Platform = ownPlatform): string {
  const given = modelDir ?? env[MODEL_DIR_VARIABLE];
  return given === undefined
    ? join(cacheFolder(env, platform), 'lamplighter', 'models')
    : resolve(expandHome(given, env));
}

/** A path with `~` at its start, which shells leave alone behind an equals sign, as the home folder. */
export function expandHome(path: string, env: Env): string {
  return path === '~' || /^~[/\\]/.test(path) ? join(homeFolder(env), path.slice(1)) : path;
}

/**
 * The place of a file inside a folder. Names come from a catalogue and from a lock file that anybody can edit, so
 * whatever would lead out of the folder is refused.
 *
 * @throws LamplighterError MODEL_FAILED for a name that is absolute, empty, or has a part such as `..`.
 */
export function pathInside(folder: string, name: string): string {
  const parts = name.split('/');
  const isSafe = parts.every((part) => part !== '' && part !== '.' && part !== '..' && !UNSAFE.test(part));
  if (!isSafe) throw new LamplighterError('MODEL_FAILED', `${showValue(name)} is not a name of a file inside a folder`);
  return join(folder, ...parts);
}

/** Linux and other Unix systems follow the XDG base directories; their specification ignores relative paths. */
function cacheFolder(env: Env, platform: NodeJS.Platform): string {
  const home = homeFolder(env);
  if (platform === 'win32') return join(env['LOCALAPPDATA'] ?? join(home, 'AppData', 'Local'));
  if (platform === 'darwin') return join(home, 'Library', 'Caches');
  const xdg = env['XDG_CACHE_HOME'];
  return xdg?.startsWith('/') === true ? xdg : join(home, '.cache');
}
