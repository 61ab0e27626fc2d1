import { createHmac, randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../core/clock.ts';
import { LamplighterError } from '../core/errors.ts';
import type { Access, Authorise } from './access.ts';
import type { Rights } from './api.ts';
import { type PasswordHash, parsePasswordHash } from './password-hash.ts';

const ROLES: Readonly<Record<string, Partial<Rights>>> = {
  viewer: { view: true },
  operator: { view: true, operate: true },
  admin: { view: true, operate: true, admin: true },
};
/** After a wrong password nobody else is tried for this long; it doubles with each further one. */
const PAUSE_MS = { first: 250, longest: 4_000 };
/** Tries that wait for their turn; more are sent away at once. */
const MAX_WAITING = 20;
const MAX_KNOWN = 1_000;

/** A user of a dashboard. */
export interface DashboardUser {
  readonly name: string;
  readonly rights: Partial<Rights>;
  readonly hash: PasswordHash;
}

/**
 * Reads lines of `name:viewer|operator|admin[+payloads]:hash`, the hash as `hashPassword` writes it. Empty lines and those that begin with #
 * are nobody.
 *
 * @param place What the text is called in errors.
 * @throws LamplighterError CONFIG_INVALID, without the line itself
 */
export function parseUsers(text: string, place: string): readonly DashboardUser[] {
  const users = text.split(/\r?\n/).flatMap((line, at) => {
    if (line.trim() === '' || line.startsWith('#')) return [];
    const [, name = '', role = '', payloads, digest = ''] =
      /^([^:]{1,100}):([a-z]+)(\+payloads)?:(\S+)\s*$/.exec(line) ?? [];
    const rights = Object.hasOwn(ROLES, role) ? ROLES[role] : undefined;
    const hash = parsePasswordHash(digest);
    if (rights !== undefined && hash !== undefined) {
      return [{ name, rights: { ...rights, payloads: payloads !== undefined }, hash }];
    }
    throw new LamplighterError(
      'CONFIG_INVALID',
      `${place}, line ${at + 1}: expected name:viewer, operator or admin, with +payloads or not:hash`,
      { hint: 'The hash is what "lamplighter dashboard --hash-password" prints.' },
    );
  });
  if (users.length > 0) return users;
  throw new LamplighterError('CONFIG_INVALID', `${place} names no user`);
}

/**
 * Asks browsers for a name and a password. Who was right once is known without computing again, until the process ends; of the others one
 * at a time is tried, and after a wrong one all of them wait, so that guessing is slow however many guess.
 */
export function createBasicAuth(users: readonly DashboardUser[], clock: Clock = systemClock): Authorise {
  const secret = randomBytes(32);
  const known = new Map<string, Access>();
  let turn: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let failures = 0;

  async function tryOnce(name: string, password: string): Promise<Access | undefined> {
    const user = users.find((each) => each.name === name);
    // As long for a name that there is not.
    const isRight = await (user ?? users[0])?.hash.verify(password);
    if (user !== undefined && isRight === true) {
      failures = 0;
      return { user: user.name, rights: user.rights };
    }
    failures += 1;
    await clock.delay(Math.min(PAUSE_MS.longest, PAUSE_MS.first * 2 ** Math.min(failures - 1, 10)));
    return undefined;
  }

  return async (request) => {
    const given = readCredentials(request.headers.get('authorization'));
    if (given === undefined) return challenge();
    const { name, password } = given;
    const digest = createHmac('sha256', secret)
      .update(JSON.stringify([name, password]))
      .digest('base64');
    const access = known.get(digest);
    if (access !== undefined) return access;
    if (waiting >= MAX_WAITING) return new Response('Too many are trying passwords', { status: 429 });
    waiting += 1;
    const tried = turn.then(() => known.get(digest) ?? tryOnce(name, password));
    turn = tried.catch(() => undefined);
    try {
      const found = await tried;
      if (found === undefined) return challenge();
      if (known.size < MAX_KNOWN) known.set(digest, found);
      return found;
    } finally {
      waiting -= 1;
    }
  };
}

function challenge(): Response {
  return Response.json(
    { error: { code: 'NOT_AUTHENTICATED', message: 'A name and a password are needed' } },
    { status: 401, headers: { 'www-authenticate': 'Basic realm="Lamplighter", charset="UTF-8"' } },
  );
}

function readCredentials(header: string | null): { readonly name: string; readonly password: string } | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/=_-]{1,2000})$/i.exec(header ?? '') ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
