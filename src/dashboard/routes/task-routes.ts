import { parseTaskFilter } from '../../monitoring/lists/list-filters.ts';
import { listTasks, readTask, type TaskState } from '../../monitoring/lists/list-tasks.ts';
import type { Page, Rights, TaskAction, TaskDetail, TaskRow } from '../api.ts';
import { Refusal } from '../refusal.ts';
import type { Route } from '../route.ts';
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
      return listTasks(db, parseTaskFilter(filterValues(query)), page);
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
      return { ...record, may: actionsOf(record.state, rights) };
    },
  },
];

function actionsOf(state: TaskState, { operate, admin }: Rights): readonly TaskAction[] {
  if (state === 'queued' || state === 'running') return operate ? ['cancel'] : [];
  return admin ? ['delete'] : [];
}
