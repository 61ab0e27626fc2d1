import type { Route } from '../route.ts';
import { JOB_ROUTES } from './job-routes.ts';
import { OPERATION_ROUTES } from './operation-routes.ts';
import { OVERVIEW_ROUTES } from './overview-routes.ts';
import { REQUEST_ROUTES } from './request-routes.ts';
import { SYSTEM_ROUTES } from './system-routes.ts';
import { TASK_ROUTES } from './task-routes.ts';

/** All that the server answers beside `GET events`. */
export const ROUTES: readonly Route[] = [
  ...SYSTEM_ROUTES,
  ...OVERVIEW_ROUTES,
  ...REQUEST_ROUTES,
  ...TASK_ROUTES,
  ...JOB_ROUTES,
  ...OPERATION_ROUTES,
];
