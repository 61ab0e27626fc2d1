import { parseTaskFilter } from '../../monitoring/lists/list-filters.ts';
import { listTasks, readTask } from '../../monitoring/lists/list-tasks.ts';
import type { TaskState } from '../../monitoring/shapes.ts';
import { actOnTasks, TASK_ACTIONS } from '../../operations/actions.ts';
import { recordAudit } from '../../operations/record-audit.ts';
import type { ActionOutcome, Page, Rights, TaskAction, TaskDetail, TaskRow } from '../api.ts';
import { concealErrors, concealOutcome, requireVisible } from '../conceal-errors.ts';
import { Refusal } from '../refusal.ts';
import type { Route } from '../route.ts';
import { readAction, readIds, rightFor } from './action-body.ts';
import { filterValues, limitOf, numberOf, numericCursorOf } from './page-params.ts';

/** Characters of a text. */
const MAX_TEXT = 1_000_000;

export const TASK_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/tasks',
    right: 'view',
    async run({ db, query, rights }): Promise<Page<TaskRow>> {
      const page = { cursor: numericCursorOf(query), limit: limitOf(query), withTexts: rights.payloads };
      const filter = parseTaskFilter(filterValues(query));
      requireVisible(filter, rights);
      const { rows, ...rest } = await listTasks(db, filter, page);
      return { rows: rows.map((row) => concealErrors(row, rights)), ...rest };
    },
  },
  {
    method: 'GET',
    path: '/tasks/:jobid',
    right: 'view',
    async run({ db, params, rights }): Promise<TaskDetail> {
      const record = await readTask(db, numberOf(params, 'jobid'), rights.payloads ? MAX_TEXT : undefined);
      if (record === undefined)
        throw new Refusal('NOT_FOUND', 'There is no such task, or the dashboard does not see it');
      return concealErrors({ ...record, may: actionsOf(record.state, rights) }, rights);
    },
  },
  {
    method: 'POST',
    path: '/tasks/actions',
    right: (body) => rightFor(readAction(body, TASK_ACTIONS)),
    async run({ db, body, user, rights }): Promise<ActionOutcome> {
      const action = readAction(body, TASK_ACTIONS);
      const ids = readIds(body, (id) => /^\d{1,18}$/.test(id));
      const outcome = await actOnTasks(db, action, ids);
      await recordAudit(
        db,
        { user, source: 'dashboard' },
        { action, kind: 'tasks', filter: { ids }, count: outcome.done },
      );
      return concealOutcome(outcome, rights);
    },
  },
];

function actionsOf(state: TaskState, { operate, admin }: Rights): readonly TaskAction[] {
  if (state === 'queued' || state === 'running') return operate ? ['cancel'] : [];
  return admin ? ['delete'] : [];
}
