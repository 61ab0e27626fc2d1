// The dashboard below /lamplighter of a Hono app, in a database where `lamplighter migrate` was run:
//   DATABASE_URL=postgresql://... npx tsx examples/dashboard-hono.ts

import process from 'node:process';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import pg from 'pg';
import { createDashboard } from '../src/dashboard.ts';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
const dashboard = createDashboard({
  pool,
  basePath: '/lamplighter',
  authorise: () => ({ user: 'ann', rights: { view: true, operate: true } }),
});

const app = new Hono();
app.all('/lamplighter/*', ({ req }) => dashboard(req.raw));
const port = Number(process.env['PORT'] ?? 3000);
const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, (address) => console.log(address));
async function stop(): Promise<void> {
  await dashboard.close();
  server.close();
  await pool.end();
}
process.once('SIGTERM', () => void stop());
