// The dashboard below /lamplighter of an Express server, in a database where `lamplighter migrate` was run:
//   DATABASE_URL=postgresql://... npx tsx examples/dashboard-express.ts

import process from 'node:process';
import express from 'express';
import pg from 'pg';
import { createDashboard, toNodeListener } from '../src/dashboard.ts';

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'] });
const dashboard = createDashboard({
  pool,
  basePath: '/lamplighter',
  // Yours: whoever is not logged in gets undefined, which is answered with 401.
  authorise: () => ({ user: 'ann', rights: { view: true, operate: true } }),
});

const app = express();
app.use('/lamplighter', toNodeListener(dashboard));
const server = app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => console.log(server.address()));
async function stop(): Promise<void> {
  await dashboard.close();
  server.close();
  await pool.end();
}
process.once('SIGTERM', () => void stop());
