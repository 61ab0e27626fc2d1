/** Runs a text in a session for tasks, and prints by how many bytes the process grew at most meanwhile: `grew BYTES`. */
import process from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { openTaskSession } from '../../src/db/task-session/task-session.ts';

// Threads that sweep come late on a busy machine, and what they have not freed counts.
setFlagsFromString('--single-threaded-gc');

const [uri = '', text = ''] = process.argv.slice(2);
const session = await openTaskSession(resolveConnection({ uri }, {}));
// What the first rows of any result take: code that is compiled, and a buffer for the socket.
await session.run('select g, g::text from generate_series(1, 10000) g');
const before = process.memoryUsage().rss;
let peak = before;
const timer = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage().rss);
}, 20);
const end = await session.run(text);
clearInterval(timer);
process.stdout.write(`grew ${peak - before} ${JSON.stringify({ ...end, error: undefined })}\n`);
await session.end();
process.exit(0);
