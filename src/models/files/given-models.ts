import { statSync } from 'node:fs';
import { basename, isAbsolute, resolve } from 'node:path';
import type { Env } from '../../core/env.ts';
import { expandHome } from './model-folder.ts';

/** A model given by its path. */
export interface GivenModel {
  /** The string that was given: nothing else names it. */
  readonly name: string;
  readonly runtime: 'ort' | 'llama';
  /** Absolute. */
  readonly path: string;
}

/**
 * Those of the given model names that are paths: absolute, beginning with `./`, `../` or `~/`, ending in `.gguf`, or
 * the name of a folder that is there.
 */
export function givenModels(
  names: readonly (string | undefined)[],
  { env, isKnown }: { readonly env: Env; readonly isKnown: (name: string) => boolean },
): readonly GivenModel[] {
  const models = new Map<string, GivenModel>();
  for (const name of names) {
    if (name === undefined || isKnown(name) || models.has(name)) continue;
    const path = resolve(expandHome(name, env));
    const isFile = /\.gguf$/i.test(name);
    if (isFile || isWrittenAsPath(name) || isFolder(path)) {
      models.set(name, { name, runtime: isFile ? 'llama' : 'ort', path });
    }
  }
  return [...models.values()];
}

function isWrittenAsPath(name: string): boolean {
  return isAbsolute(name) || /^\.{1,2}([/\\]|$)|^~[/\\]/.test(name) || basename(name) === '';
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
