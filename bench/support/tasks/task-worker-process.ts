/**
 * A worker that runs tasks alone, in a process of its own, until its parent is gone. The argument is JSON: URI, the logins of roles, and how
 * many at once.
 */
import process from 'node:process';
import { createWorker } from '../../../src/worker/create-worker.ts';

/** Beside the tasks: statements, listening, cancels. */
const OTHER_CONNECTIONS = 6;

const { uri, taskRoles, atOnce } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly uri: string;
  readonly taskRoles: Readonly<Record<string, string>>;
  readonly atOnce: number;
};
const maxConnections = atOnce + OTHER_CONNECTIONS;
await createWorker({ uri, taskRoles, taskConcurrency: atOnce, maxConnections, embedModel: 'builtin/lexical' });
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
