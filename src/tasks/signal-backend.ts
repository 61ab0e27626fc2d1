import type { TaskSession } from '../db/task-session/task-session.ts';

/** A server process, and when it began: its pid may be another one's once it has ended. */
export interface Backend {
  readonly pid: number;
  /** The start as `to_jsonb` writes it, which every session reads alike. */
  readonly backendStart: string;
}

const BACKEND = `
  from pg_catalog.pg_stat_get_activity($1::pg_catalog.int4) as a
  where a.pid operator(pg_catalog.=) $1::pg_catalog.int4
    and a.backend_start operator(pg_catalog.=) $2::pg_catalog.timestamptz`;
const CANCEL = `select pg_catalog.pg_cancel_backend(a.pid)${BACKEND}`;
const TERMINATE = `select pg_catalog.pg_terminate_backend(a.pid)${BACKEND}`;

/** Breaks off what the backend runs; `signaller` is of the same role. Without effect once the backend is gone. */
export async function cancelBackend(signaller: TaskSession, { pid, backendStart }: Backend): Promise<void> {
  await signaller.query(CANCEL, [String(pid), backendStart]);
}

/** The same, and ends its session. */
export async function terminateBackend(signaller: TaskSession, { pid, backendStart }: Backend): Promise<void> {
  await signaller.query(TERMINATE, [String(pid), backendStart]);
}
