import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';

const DEBIAN = '/usr/lib/postgresql';

/** The newest psql on this machine, where there is one. */
export function findPsql(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : [];
  const folders = [
    ...versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env['PATH'] ?? '').split(delimiter),
  ];
  return folders.map((folder) => join(folder, 'psql')).find((path) => existsSync(path));
}

/** What `psql -c` prints on its standard error; the server is the one of `uri`, and the schema `err` is first in the path. */
export function psqlError(psql: string, uri: string, text: string): string {
  const { stderr, error } = spawnSync(psql, ['-X', '-q', '-d', uri, '-c', text], {
    encoding: 'utf8',
    env: {
      PATH: process.env['PATH'] ?? '',
      LC_ALL: 'C.UTF-8',
      PGCLIENTENCODING: 'UTF8',
      PGOPTIONS: '-c search_path=err,public -c client_min_messages=error',
    },
  });
  if (error !== undefined) throw error;
  return stderr;
}
