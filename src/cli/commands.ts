import type { CliCommand } from './cli-command.ts';
import { demoCommand } from './commands/demo.ts';
import { doctorCommand } from './commands/doctor.ts';
import { migrateCommand } from './commands/migrate.ts';
import { statusCommand } from './commands/status.ts';
import { uninstallCommand } from './commands/uninstall.ts';
import { upCommand } from './commands/up.ts';
import { workerCommand } from './commands/worker.ts';

/** All commands, in the order in which help lists them. */
export const COMMANDS: readonly CliCommand[] = [
  demoCommand,
  upCommand,
  migrateCommand,
  workerCommand,
  statusCommand,
  doctorCommand,
  uninstallCommand,
];
