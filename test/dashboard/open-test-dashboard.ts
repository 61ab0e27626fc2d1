import { createLogger } from '../../src/core/log.ts';
import { ALL_RIGHTS, type Authorise } from '../../src/dashboard/access.ts';
import { createDashboard, type DashboardOptions } from '../../src/dashboard/create-dashboard.ts';
import type { TestDatabase } from '../support/database.ts';

export interface Answer<Body> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Body;
}

/** A dashboard on a test's database, and a page that asks it. */
export interface TestDashboard extends AsyncDisposable {
  readonly handle: (request: Request) => Promise<Response>;
  get<Body>(path: string, headers?: Record<string, string>): Promise<Answer<Body>>;
  post<Body>(path: string, body: unknown, headers?: Record<string, string>): Promise<Answer<Body>>;
}

const everybody: Authorise = () => ({ rights: ALL_RIGHTS });

export function openTestDashboard(
  db: Pick<TestDatabase, 'pool'>,
  options: Partial<DashboardOptions> = {},
): TestDashboard {
  const dashboard = createDashboard({
    pool: db.pool,
    authorise: everybody,
    log: createLogger({ level: 'error' }),
    ...options,
  });
  async function ask<Body>(request: Request): Promise<Answer<Body>> {
    const response = await dashboard(request);
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : text) as Body };
  }
  const base = `http://localhost:4600${options.basePath ?? ''}/api/`;
  return {
    handle: dashboard,
    get: (path, headers = {}) => ask(new Request(`${base}${path}`, { headers })),
    post: (path, body, headers = {}) =>
      ask(
        new Request(`${base}${path}`, {
          method: 'POST',
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin', ...headers },
        }),
      ),
    async [Symbol.asyncDispose]() {
      await dashboard.close();
    },
  };
}
