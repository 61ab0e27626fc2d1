import { createServer } from 'node:http';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { inject } from 'vitest';
import { toNodeListener } from '../../src/dashboard/node-listener.ts';
import { openTestDashboard } from '../dashboard/open-test-dashboard.ts';
import type { TestDatabase } from '../support/database.ts';

type DashboardOptions = NonNullable<Parameters<typeof openTestDashboard>[1]>;

/** False where there is no Chromium; the run's setup says so. */
export const hasBrowser = inject('browserEndpoint') !== undefined;

let connected: Promise<Browser> | undefined;

function connectBrowser(): Promise<Browser> {
  const endpoint = inject('browserEndpoint');
  if (endpoint === undefined) throw new Error('expected a browser');
  connected ??= chromium.connect(endpoint);
  return connected;
}

/** A dashboard that listens, on a test's database. */
export interface ServedTestDashboard extends AsyncDisposable {
  /** With a slash at its end. */
  readonly url: string;
  /** Ends all connections and listens no more, as if its process had died; `listen` has it come back at the same address. */
  hangUp(): Promise<void>;
  listen(): Promise<void>;
}

export async function serveTestDashboard(
  db: Pick<TestDatabase, 'pool'>,
  options: DashboardOptions = {},
): Promise<ServedTestDashboard> {
  const dashboard = openTestDashboard(db, options);
  const answer = toNodeListener(dashboard.handle);
  let port = 0;
  const open = () =>
    new Promise<() => Promise<void>>((resolve, reject) => {
      const server = createServer((incoming, outgoing) => {
        answer(incoming, outgoing).catch(() => outgoing.destroy());
      });
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        if (typeof address === 'object' && address !== null) port = address.port;
        resolve(
          () =>
            new Promise((closed) => {
              server.close(() => closed());
              server.closeAllConnections();
            }),
        );
      });
    });
  let hangUp = await open();
  return {
    url: `http://127.0.0.1:${port}${options.basePath ?? ''}/`,
    hangUp: () => hangUp(),
    async listen() {
      hangUp = await open();
    },
    async [Symbol.asyncDispose]() {
      await hangUp();
      await dashboard[Symbol.asyncDispose]();
    },
  };
}

/** A page in a window of its own, and what went wrong in it. */
export interface TestPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors on the console, exceptions, violations of the content security policy, dialogs, and requests to any other host. */
  readonly troubles: readonly string[];
}

/** What browsers report whose server has gone; a test that lets it go expects it. */
const UNREACHABLE = /net::ERR_(CONNECTION_REFUSED|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|CONNECTION_RESET)/;

const TELL_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (violation) =>
  window.noteViolation(violation.violatedDirective + ' ' + violation.blockedURI))`;

/** Opens `path` of a dashboard, and waits until its page has a heading and the first sample is there. */
export async function openTestPage(
  dashboard: Pick<ServedTestDashboard, 'url'>,
  path: string,
  options: BrowserContextOptions & { readonly mayLoseServer?: boolean; readonly init?: string } = {},
): Promise<TestPage> {
  const { mayLoseServer = false, init, ...contextOptions } = options;
  const browser = await connectBrowser();
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce',
    ...contextOptions,
  });
  const troubles: string[] = [];
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  page.on('console', (message) => {
    if (!['error', 'warning'].includes(message.type())) return;
    if (mayLoseServer && UNREACHABLE.test(message.text())) return;
    troubles.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => troubles.push(`exception: ${error.message}`));
  page.on('dialog', (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(dashboard.url).origin)) troubles.push(`request: ${request.url()}`);
  });
  await context.exposeFunction('noteViolation', (text: string) => troubles.push(`policy: ${text}`));
  await context.addInitScript(TELL_VIOLATIONS);
  if (init !== undefined) await context.addInitScript(init);
  await page.goto(`${dashboard.url}${path}`);
  await page.locator('h1').waitFor();
  return {
    page,
    troubles,
    async [Symbol.asyncDispose]() {
      await context.close();
    },
  };
}
