import { REQUEST_FUNCTIONS } from '../../core/request-functions.ts';
import { showValue } from '../../core/show-value.ts';
import { VERSION } from '../../core/version.ts';
import { loadQuery } from '../../db/load-sql.ts';
import type { Queryable } from '../../db/query.ts';
import { listProcesses } from '../../monitoring/lists/list-processes.ts';
import { recordAudit } from '../../operations/record-audit.ts';
import type { ActionOutcome, FunctionRow, Session, SettingRow, WorkerRow } from '../api.ts';
import { Refusal } from '../refusal.ts';
import type { Route, RouteContext } from '../route.ts';

const READ_DASHBOARD_SESSION = loadQuery('read_dashboard_session');
const PAUSE_FUNCTION = loadQuery('pause_function');
const LIST_PAUSES = loadQuery('list_pauses');

export const SYSTEM_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/session',
    right: 'view',
    async run({ db, rights, user, dashboard }): Promise<Session> {
      const { rows } = await db.query<{ database: string; role: string; host: string; sees_all: boolean }>(
        READ_DASHBOARD_SESSION,
      );
      const { database = '', role = '', host = '', sees_all = false } = rows[0] ?? {};
      return {
        version: VERSION,
        database,
        host,
        role,
        seesAll: sees_all,
        ...(user === undefined ? {} : { user }),
        rights,
        isReadOnly: dashboard.isReadOnly,
        ...(dashboard.traceUrl === undefined ? {} : { traceUrl: dashboard.traceUrl }),
      };
    },
  },
  { method: 'GET', path: '/workers', right: 'view', run: ({ db }): Promise<readonly WorkerRow[]> => listProcesses(db) },
  {
    method: 'GET',
    path: '/settings',
    right: 'view',
    run: ({ db, dashboard }): Promise<readonly SettingRow[]> => dashboard.listSettings(db),
  },
  { method: 'GET', path: '/functions', right: 'view', run: ({ db }) => listFunctions(db) },
  { method: 'POST', path: '/functions/:name/pause', right: 'admin', run: (context) => setPause(context, 'pause') },
  { method: 'POST', path: '/functions/:name/resume', right: 'admin', run: (context) => setPause(context, 'resume') },
];

async function setPause({ db, params, user }: RouteContext, action: 'pause' | 'resume'): Promise<ActionOutcome> {
  const name = REQUEST_FUNCTIONS.find((each) => each === params['name']);
  if (name === undefined) throw new Refusal('NOT_FOUND', `There is no function ${showValue(params['name'])}`);
  await db.query(PAUSE_FUNCTION, [name, action === 'pause']);
  const filter = { function: name };
  await recordAudit(db, { user, source: 'dashboard' }, { action, kind: 'functions', filter, count: 1 });
  return { done: 1, skipped: [] };
}

async function listFunctions(db: Queryable): Promise<readonly FunctionRow[]> {
  const { rows } = await db.query<{ function_name: string; paused_s: string; paused_by: string }>(LIST_PAUSES);
  return REQUEST_FUNCTIONS.map((name) => {
    const pause = rows.find((row) => row.function_name === name);
    if (pause === undefined) return { name, isPaused: false };
    const pausedAt = new Date(Number(pause.paused_s) * 1_000).toISOString();
    return { name, isPaused: true, pausedBy: pause.paused_by, pausedAt };
  });
}
