/** Starts an embedded server in the folder named by the first argument and waits to be killed; `persistent` may follow. */
import process from 'node:process';
import { startEmbeddedServer } from '../../src/db/embedded/embedded-server.ts';

const [dataDir, mode] = process.argv.slice(2);
const server = await startEmbeddedServer({ dataDir, persistent: mode === 'persistent', settings: { fsync: 'off' } });
process.stdout.write(`ready ${server.uri}\n`);
process.stdin.resume();
