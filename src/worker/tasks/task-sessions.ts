import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../core/log.ts';
import type { Service } from '../../core/service.ts';
import type { SessionRoom } from '../../db/connection-budget.ts';
import { openTaskSession, type TaskSession } from '../../db/task-session/task-session.ts';
import type { WorkloadContext } from '../../process/workload.ts';
import type { ClaimedTask } from '../../tasks/claim-tasks.ts';
import type { RoleLogin, RoleLogins } from '../../tasks/role-logins.ts';
import { classifyLoginError, refuseLogin, type TaskLoginTrouble } from '../../tasks/task-login-error.ts';

/** Oldest spare session that is used: since it was opened, the role's settings, password and rights may have changed. */
const SPARE_LIFE_MS = 30_000;
/** Names and operators qualified: the session's search_path is the user's. */
const IS_PRIVILEGED = `
  select (r.rolsuper or r.rolreplication or r.rolbypassrls)::pg_catalog.text as is_privileged
  from pg_catalog.pg_roles as r
  where r.oid operator(pg_catalog.=) $1::pg_catalog.oid`;

export interface TaskSessionsDeps {
  readonly logins: RoleLogins;
  /** Name of the database that tasks belong to. */
  readonly database: string;
  /** Room for the sessions of tasks. */
  readonly room: SessionRoom;
  readonly withShortSession: WorkloadContext['withShortSession'];
  readonly log: Logger;
  readonly clock: Clock;
}

/** Sessions of tasks, each logged in as the role of its task and used for one text. */
export interface TaskSessions extends Service {
  /** A session of the role and nobody else's, for this one task; or why there is none. */
  open(
    task: Pick<ClaimedTask, 'username' | 'roleOid'>,
    signal: AbortSignal,
  ): Promise<{ readonly session: TaskSession } | { readonly trouble: TaskLoginTrouble; readonly cause?: unknown }>;
  /** Opens a spare for the next task of the role, in place of any other; it is closed after 30 s. */
  keepSpare(task: Pick<ClaimedTask, 'username' | 'roleOid'>): void;
  /**
   * Lends a session of the role for signalling its backends; one at a time, as for all short sessions.
   *
   * @throws what connecting throws.
   */
  withSignaller<T>(role: string, signal: AbortSignal, work: (session: TaskSession) => Promise<T>): Promise<T>;
}

interface Spare {
  readonly roleOid: number;
  readonly session: Promise<TaskSession | undefined>;
  /** Aborts when it is taken, or dropped. */
  readonly life: AbortController;
  /** Resolves once its connection is gone. */
  drop(): Promise<void>;
}

export function createTaskSessions(deps: TaskSessionsDeps): TaskSessions {
  const { logins, database, room, withShortSession, log, clock } = deps;
  let spare: Spare | undefined;
  const closing = new Set<Promise<void>>();
  let isStopped = false;

  function close(session: TaskSession): Promise<void> {
    const closed = session.end().finally(() => closing.delete(closed));
    closing.add(closed);
    return closed;
  }

  async function connect(role: string, signal: AbortSignal): Promise<{ login: RoleLogin; session: TaskSession }> {
    const login = await logins.find(role, signal);
    try {
      return { login, session: await openTaskSession(login.settings, { signal, log }) };
    } catch (error) {
      login.forget();
      throw error;
    }
  }

  /** What is wrong with the session for tasks of that role, if anything is. */
  async function check(
    session: TaskSession,
    { isTrusted }: RoleLogin,
    { username, roleOid }: Pick<ClaimedTask, 'username' | 'roleOid'>,
  ): Promise<TaskLoginTrouble | undefined> {
    const { facts } = session;
    if (facts.sessionUser !== username) {
      return refuseLogin(username, `the login meant for role "${username}" ended in role "${facts.sessionUser}"`);
    }
    if (facts.database !== database) {
      return refuseLogin(username, `the login meant for role "${username}" ended in database "${facts.database}"`);
    }
    // It was dropped and made again since the task was claimed, which is another role.
    if (facts.roleOid !== roleOid) return { kind: 'later', reason: `role "${username}" was made again` };
    if (isTrusted) return undefined;
    const [row] = await session.query(IS_PRIVILEGED, [String(roleOid)]);
    if (row?.['is_privileged'] === 'false') return undefined;
    return refuseLogin(
      username,
      `role "${username}" is a superuser, replicates or bypasses row security, and is not served unless it is listed`,
      `If the worker is to run its tasks, name it: --task-role '${username}=URI'.`,
    );
  }

  /** `giveBack` is called once there is no session, or no more. */
  async function openChecked(
    task: Pick<ClaimedTask, 'username' | 'roleOid'>,
    signal: AbortSignal,
    giveBack: () => void,
  ): ReturnType<TaskSessions['open']> {
    try {
      const { login, session } = await connect(task.username, signal).catch((error: unknown) => {
        giveBack();
        throw error;
      });
      session.onClose(giveBack);
      try {
        const trouble = await check(session, login, task);
        if (trouble === undefined) return { session };
        await close(session);
        return { trouble };
      } catch (error) {
        await close(session);
        throw error;
      }
    } catch (cause) {
      return { trouble: classifyLoginError(cause, task.username), cause };
    }
  }

  async function takeSpare(roleOid: number): Promise<TaskSession | undefined> {
    const taken = spare?.roleOid === roleOid ? spare : undefined;
    if (taken === undefined) {
      // Its connection is for the session that is opened instead.
      if (room.free === 0) await spare?.drop();
      return undefined;
    }
    spare = undefined;
    taken.life.abort();
    const session = await taken.session;
    return session?.isOpen === true ? session : undefined;
  }

  return {
    async open(task, signal) {
      const session = await takeSpare(task.roleOid);
      if (session !== undefined) return { session };
      try {
        return await openChecked(task, signal, await room.take());
      } catch (cause) {
        return { trouble: classifyLoginError(cause, task.username), cause };
      }
    },
    keepSpare(task) {
      if (isStopped || spare?.roleOid === task.roleOid) return;
      void spare?.drop();
      const giveBack = room.takeSpare();
      if (giveBack === undefined) return;
      const opening = new AbortController();
      const life = new AbortController();
      const session = openChecked(task, opening.signal, giveBack).then((opened) =>
        'session' in opened ? opened.session : undefined,
      );
      const own = {
        roleOid: task.roleOid,
        session,
        life,
        async drop() {
          if (spare === own) spare = undefined;
          life.abort();
          opening.abort();
          const opened = await session;
          if (opened !== undefined) await close(opened);
        },
      };
      spare = own;
      void clock.delay(SPARE_LIFE_MS, life.signal).then(() => (spare === own ? own.drop() : undefined));
    },
    withSignaller(role, signal, work) {
      return withShortSession(async () => {
        const { session } = await connect(role, signal);
        try {
          return await work(session);
        } finally {
          await close(session);
        }
      });
    },
    async stop() {
      isStopped = true;
      await spare?.drop();
      while (closing.size > 0) await Promise.all(closing);
    },
  };
}
