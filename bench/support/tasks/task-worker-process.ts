/**
 * A worker that runs tasks alone, in a process of its own, until its parent is gone. The argument is JSON: URI, and the logins of roles.
 */
import process from 'node:process';
import { createWorker } from '../../../src/worker/create-worker.ts';

const { uri, taskRoles } = JSON.parse(process.argv[2] ?? '{}') as {
  readonly uri: string;
  readonly taskRoles: Readonly<Record<string, string>>;
};
await createWorker({ uri, taskRoles, embedModel: 'builtin/lexical' });
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
