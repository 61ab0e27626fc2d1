/**
 * Settles one task in a process of its own: arguments are the worker's URI, that of the task's role, and the job's id. Prints `settled` and
 * what became of it.
 */
import process from 'node:process';
import pg from 'pg';
import { startRunner } from './run-stage.ts';

const [workerUri, uri = '', jobid = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: workerUri, max: 2 });
pool.on('error', () => undefined);
const runner = await startRunner({ pool, uri });
process.stdout.write(`settled ${JSON.stringify(await runner.settle(jobid))}\n`);
process.exit(0);
