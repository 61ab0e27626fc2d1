import type { CliCommand } from './cli-command.ts';
import { auditCommand } from './commands/audit.ts';
import { createEmbeddingsCommand } from './commands/create-embeddings.ts';
import { createJobsTableCommand } from './commands/create-jobs-table.ts';
import { dashboardCommand } from './commands/dashboard.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { healthcheckCommand } from './commands/healthcheck.ts';
import { jobsAddCommand } from './commands/jobs-add.ts';
import {
  jobsCancelCommand,
  jobsPauseCommand,
  jobsResumeCommand,
  jobsResyncCommand,
  jobsRetryFailuresCommand,
} from './commands/jobs-change.ts';
import { jobsListCommand } from './commands/jobs-list.ts';
import { jobsShowCommand } from './commands/jobs-show.ts';
import { migrateCommand } from './commands/migrate.ts';
import { modelsListCommand } from './commands/models-list.ts';
import { modelsPathCommand } from './commands/models-path.ts';
import { modelsPullCommand } from './commands/models-pull.ts';
import { requestsCancelCommand, requestsRetryCommand } from './commands/requests-change.ts';
import { requestsListCommand, requestsShowCommand } from './commands/requests-list.ts';
import { requestsRunCommand } from './commands/requests-run.ts';
import { showModelsCommand, showRuntimesCommand } from './commands/show-models.ts';
import { startDaemonCommand } from './commands/start-daemon.ts';
import { statusCommand } from './commands/status.ts';
import { taskCancelCommand } from './commands/task-cancel.ts';
import { taskListCommand } from './commands/task-list.ts';
import { taskRetryCommand } from './commands/task-retry.ts';
import { taskRunCommand } from './commands/task-run.ts';
import { taskShowCommand } from './commands/task-show.ts';
import { uninstallCommand } from './commands/uninstall.ts';
import { upCommand } from './commands/up.ts';
import { workerCommand } from './commands/worker.ts';

/** All commands, in the order in which help lists them. */
export const COMMANDS: readonly CliCommand[] = [
  demoCommand,
  upCommand,
  migrateCommand,
  workerCommand,
  requestsRunCommand,
  requestsListCommand,
  requestsShowCommand,
  requestsRetryCommand,
  requestsCancelCommand,
  taskRunCommand,
  taskListCommand,
  taskShowCommand,
  taskRetryCommand,
  taskCancelCommand,
  startDaemonCommand,
  createEmbeddingsCommand,
  createJobsTableCommand,
  jobsListCommand,
  jobsShowCommand,
  jobsAddCommand,
  jobsCancelCommand,
  jobsPauseCommand,
  jobsResumeCommand,
  jobsResyncCommand,
  jobsRetryFailuresCommand,
  statusCommand,
  dashboardCommand,
  auditCommand,
  doctorCommand,
  healthcheckCommand,
  modelsListCommand,
  modelsPullCommand,
  modelsPathCommand,
  showModelsCommand,
  showRuntimesCommand,
  uninstallCommand,
];
