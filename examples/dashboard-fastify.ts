// The dashboard below /lamplighter of a Fastify server, in a database where `lamplighter migrate` was run:
//   DATABASE_URL=postgresql://... npx tsx examples/dashboard-fastify.ts

import process from 'node:process';
import fastify from 'fastify';
import pg from 'pg';
import { createDashboard, toNodeListener } from '../src/dashboard.ts';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
const dashboard = createDashboard({
  pool,
  basePath: '/lamplighter',
  authorise: () => ({ user: 'ann', rights: { view: true, operate: true } }),
});
const listen = toNodeListener(dashboard);

const app = fastify({ forceCloseConnections: true });
app.register(async (scope) => {
  // The dashboard reads bodies itself.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
  scope.all('/lamplighter/*', (request, reply) => {
    reply.hijack();
    return listen(request.raw, reply.raw);
  });
});
await app.listen({ port: Number(process.env['PORT'] ?? 3000), host: '127.0.0.1' });
console.log(app.server.address());
async function stop(): Promise<void> {
  await dashboard.close();
  await app.close();
  await pool.end();
}
process.once('SIGTERM', () => void stop());
