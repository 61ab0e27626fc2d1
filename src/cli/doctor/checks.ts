import type { Check } from './check.ts';
import {
  clockCheck,
  connectionCheck,
  directConnectionCheck,
  listeningCheck,
  notificationsCheck,
  serverCheck,
} from './check-connection.ts';
import { copyCheck } from './check-copy.ts';
import { transactionsCheck, vacuumCheck } from './check-dead-rows.ts';
import { dimensionsCheck, embeddingsCheck } from './check-embeddings.ts';
import { loopbackCheck, vectorCheck } from './check-extensions.ts';
import { indexesCheck } from './check-indexes.ts';
import { httpCheck, modelCacheCheck } from './check-machine.ts';
import { rightsCheck, tablesCheck, triggersCheck } from './check-objects.ts';
import { functionsCheck, idsCheck, ledgerCheck, replicationCheck, schemaCheck } from './check-schema.ts';
import { modelsCheck, pausesCheck, workersCheck } from './check-serving.ts';
import { tasksCheck } from './check-tasks.ts';
import { workCheck } from './check-troubles.ts';
import { settingsCheck } from './read-settings.ts';

/** Everything that `lamplighter doctor` looks at, from the way to the database to the work in it. */
export const CHECKS: readonly Check[] = [
  connectionCheck,
  directConnectionCheck,
  serverCheck,
  clockCheck,
  notificationsCheck,
  transactionsCheck,
  schemaCheck,
  copyCheck,
  tablesCheck,
  indexesCheck,
  triggersCheck,
  functionsCheck,
  ledgerCheck,
  rightsCheck,
  idsCheck,
  replicationCheck,
  vacuumCheck,
  listeningCheck,
  loopbackCheck,
  vectorCheck,
  modelsCheck,
  modelCacheCheck,
  httpCheck,
  workersCheck,
  pausesCheck,
  tasksCheck,
  embeddingsCheck,
  dimensionsCheck,
  workCheck,
  settingsCheck,
];
