import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hasBrowser, openTestPage, type ServedTestDashboard, serveTestDashboard } from './open-browser.ts';
import { ATTACK, createScene, type Scene } from './scene.ts';

let scene: Scene;
let dashboard: ServedTestDashboard;
let axe: string;
beforeAll(async () => {
  if (!hasBrowser) return;
  axe = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');
  scene = await createScene();
  dashboard = await serveTestDashboard(scene.db);
}, 60_000);
afterAll(async () => {
  await dashboard?.[Symbol.asyncDispose]();
  await scene?.[Symbol.asyncDispose]();
});

/** Each page: what shows that it is there, by its path. */
const PAGES: readonly (readonly [name: string, path: () => string, shows: () => string])[] = [
  ['overview', () => '', () => 'Throughput'],
  ['requests', () => 'requests', () => `model ${ATTACK}`],
  ['a request that completed', () => `requests/${scene.requests.completed}`, () => `completed ${ATTACK.slice(0, 10)}`],
  ['a request that failed', () => `requests/${scene.requests.failed}`, () => `failed: ${ATTACK}`],
  ['a request that waits', () => `requests/${scene.requests.pending}`, () => 'Waits'],
  ['tasks', () => 'tasks', () => `name ${ATTACK}`],
  ['a task that failed', () => `tasks/${scene.tasks.failed}`, () => 'does not exist'],
  ['a task that runs', () => `tasks/${scene.tasks.running}`, () => 'select pg_sleep(600)'],
  ['embedding jobs', () => 'jobs', () => '<b onclick=alert(3)>'],
  ['an embedding job', () => 'jobs/1', () => 'key <img src=x onerror='],
  ['workers', () => 'workers', () => 'In flight'],
  ['settings', () => 'settings', () => 'max_queue_size'],
  ['operations', () => 'operations', () => 'No operations'],
  ['audit', () => 'audit', () => 'Nobody has acted yet'],
  ['a page that is not there', () => `nowhere/${encodeURIComponent(ATTACK)}`, () => 'Not found'],
];

interface AxeResults {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

/** The rules that hang on colours and widths. */
const OF_LOOKS = ['color-contrast', 'scrollable-region-focusable', 'target-size'];

/** What is wrong for those who do not see it well, or use no mouse. */
async function findBarriers(page: Page, rules?: readonly string[]): Promise<readonly string[]> {
  if (!(await page.evaluate(`'axe' in window`))) await page.evaluate(axe);
  const options = rules === undefined ? {} : { runOnly: rules };
  const { violations } = (await page.evaluate(`axe.run(${JSON.stringify(options)})`)) as AxeResults; // its documented result
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${impact} ${id}: ${html.slice(0, 160)} ${failureSummary}`),
  );
}

/** What is wider than the window: the page has to be pushed to and fro. */
function findOverflow(page: Page): Promise<readonly string[]> {
  return page.evaluate(`document.documentElement.scrollWidth <= window.innerWidth ? [] :
    [...document.querySelectorAll('body *')]
      .filter((each) => each.getBoundingClientRect().right > window.innerWidth + 1)
      .slice(-3).map((each) => each.outerHTML.slice(0, 120))`);
}

describe.runIf(hasBrowser)('every page', () => {
  test.each(PAGES)(
    '%s is whole, without barriers and without harm, in both themes and on a phone',
    async (_name, path, shows) => {
      await using opened = await openTestPage(dashboard, path(), { colorScheme: 'light' });
      const { page, troubles } = opened;
      await page.locator('main').getByText(shows()).first().waitFor();
      expect(await findBarriers(page)).toEqual([]);
      expect(await findOverflow(page)).toEqual([]);
      await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
      await page.setViewportSize({ width: 360, height: 740 });
      expect(await findBarriers(page, OF_LOOKS)).toEqual([]);
      expect(await findOverflow(page)).toEqual([]);
      expect(await page.evaluate('window.wasAttacked')).toBeUndefined();
      expect(troubles).toEqual([]);
    },
  );
});
