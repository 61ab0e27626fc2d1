import { readFileSync } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readEnv, uid } from '../../core/env.ts';

/** The unprivileged user that PostgreSQL runs as when we are root, because it refuses to be root. */
export interface RunAs {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * `nobody` when this process is root, undefined (the same user) otherwise. Not `postgres`: a process of that user may log in as
 * superuser of a PostgreSQL that the system itself runs.
 */
export function chooseRunAs(): RunAs | undefined {
  if (uid() !== 0) return undefined;
  const [name = 'nobody', , user = '65534', group = user] =
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .find((line) => line.startsWith('nobody:'))
      ?.split(':') ?? [];
  // macOS writes nobody as -2.
  return { name, uid: Number(user) >>> 0, gid: Number(group) >>> 0 };
}

/** True when the permission bits let `user` enter `path` and every folder above it; access control lists are not looked at. */
export async function canEnter(path: string, user: RunAs): Promise<boolean> {
  return (await firstClosedFolder(path, user)) === undefined;
}

/** The outermost folder on the way to `path` that `user` cannot enter. */
export async function firstClosedFolder(path: string, user: RunAs): Promise<string | undefined> {
  const folders: string[] = [];
  for (let folder = await realpath(path); ; folder = dirname(folder)) {
    folders.unshift(folder);
    if (dirname(folder) === folder) break;
  }
  for (const folder of folders) {
    const { mode, uid: owner, gid: group } = await stat(folder);
    const executeBit = owner === user.uid ? 0o100 : group === user.gid ? 0o010 : 0o001;
    if ((mode & executeBit) === 0) return folder;
  }
  return undefined;
}

/**
 * What the server's processes get of our environment: no PG* variables, which would steer dblink, and no secrets, which SQL could
 * read. Messages are English.
 */
export function serverEnv(): NodeJS.ProcessEnv {
  const { PATH, TZ, TMPDIR } = readEnv();
  return { LC_ALL: 'C', ...(PATH && { PATH }), ...(TZ && { TZ }), ...(TMPDIR && { TMPDIR }) };
}
