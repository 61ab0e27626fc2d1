import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { anchorsOf, readPage, readRepositoryFile } from '../docs/markdown-page.ts';

const PATH = 'deploy/prometheus/lamplighter.rules.yaml';
const RULES = fileURLToPath(new URL(`../../${PATH}`, import.meta.url));

const rulesSchema = z.strictObject({
  groups: z.tuple([
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          for: z.string(),
          labels: z.strictObject({ severity: z.enum(['warning', 'critical']) }),
          annotations: z.strictObject({ summary: z.string(), runbook_url: z.string() }),
        }),
      ),
    }),
  ]),
});
const [{ rules }] = rulesSchema.parse(parse(readRepositoryFile(PATH))).groups;
const page = readPage('docs/operating.md');

test('each alert waits, and links to its heading on the page about operating', () => {
  const anchors = anchorsOf(page);
  for (const { alert, annotations, ...rule } of rules) {
    expect(rule.for).toMatch(/^[1-9]\d*m$/);
    const [url, anchor = ''] = annotations.runbook_url.split('#');
    expect(url).toBe('https://unpkg.com/lamplighter/docs/operating.md');
    expect(anchors).toContain(anchor);
    expect(anchor).toBe(alert.toLowerCase());
  }
});

test('the page tells what to do for each alert, and for no other', () => {
  const headings = page.text.match(/^### Lamplighter\w+$/gm)?.map((line) => line.slice(4));
  expect(headings).toEqual(rules.map(({ alert }) => alert));
});

test('the rules ask for metrics that are documented', () => {
  const documented = readRepositoryFile('docs/reference/metrics.md');
  const asked = new Set(rules.flatMap(({ expr }) => expr.match(/\blamplighter_\w+/g) ?? []));
  expect([...asked].filter((name) => !documented.includes(`\`${name}\``))).toEqual([]);
});

/** What promtool says; undefined where it is not installed. Debian has it in the package prometheus. */
function promtool(...args: string[]): { readonly status: number | null; readonly text: string } | undefined {
  const { error, status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return error === undefined ? { status, text: stdout + stderr } : undefined;
}

test('Prometheus takes the rules, and each fires after its time, no sooner, and not where nothing is wrong', ({
  skip,
}) => {
  const checked = promtool('check', 'rules', RULES);
  if (checked === undefined) return skip('promtool is not installed');
  expect(checked).toMatchObject({ status: 0 });
  const cases = readRepositoryFile('test/deploy/lamplighter.rules.test.yaml');
  for (const { alert } of rules)
    expect(cases).toContain(`runbook_url: https://unpkg.com/lamplighter/docs/operating.md#${alert.toLowerCase()}`);
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-rules-'));
  try {
    const file = join(folder, 'test.yaml');
    writeFileSync(file, cases.replace('RULES', RULES));
    const { status, text } = promtool('test', 'rules', file) ?? { status: null, text: '' };
    expect(text).toContain('SUCCESS');
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
