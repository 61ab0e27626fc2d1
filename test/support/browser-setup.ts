import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where the run's browser is; undefined where there is no Chromium. */
    browserEndpoint: string | undefined;
  }
}

/** As Debian installs it. */
const CHROMIUM = '/usr/bin/chromium';

/** Vitest global setup: one browser for the run. Each test has a context of its own in it, as a window in private. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync(CHROMIUM)) {
    project.provide('browserEndpoint', undefined);
    // biome-ignore lint/suspicious/noConsole: nothing else says why they are skipped
    console.warn(`Skipping the tests in a browser: there is no ${CHROMIUM} (apt-get install chromium).`);
    return async () => undefined;
  }
  const server = await chromium.launchServer({
    executablePath: CHROMIUM,
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  project.provide('browserEndpoint', server.wsEndpoint());
  return () => server.close();
}
