// The dashboard in a Next app, in a database where `lamplighter migrate` was run. This file is app/lamplighter/[[...path]]/route.ts there, and
// next.config.js has serverExternalPackages: ['lamplighter'].

import process from 'node:process';
import pg from 'pg';
import { createDashboard } from '../src/dashboard.ts';

const dashboard = createDashboard({
  // Where functions are frozen between requests, an idle connection is of no use.
  pool: new pg.Pool({ connectionString: process.env['DATABASE_URL'], idleTimeoutMillis: 1_000 }),
  basePath: '/lamplighter',
  authorise: () => ({ user: 'ann', rights: { view: true, operate: true } }),
});

export const dynamic = 'force-dynamic';
export const GET = (request: Request) => dashboard(request);
export const POST = (request: Request) => dashboard(request);
