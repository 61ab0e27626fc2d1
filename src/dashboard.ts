export type { Access, Authorise } from './dashboard/access.ts';
export type { Rights } from './dashboard/api.ts';
export { createDashboard, type Dashboard, type DashboardOptions } from './dashboard/create-dashboard.ts';
export type { ClientPool, PooledClient } from './dashboard/dashboard-db.ts';
export { type NodeListener, toNodeListener } from './dashboard/node-listener.ts';
