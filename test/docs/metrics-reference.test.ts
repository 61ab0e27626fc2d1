import { expect, test } from 'vitest';
import { METRIC_LABELS, METRICS } from '../../src/monitoring/metric-list.ts';
import { readPage, tableRows } from './markdown-page.ts';

const page = readPage('docs/reference/metrics.md');

test.each([
  ['Of each process', 'process'],
  ['Of the installation', 'installation'],
] as const)('%s: each metric stands there with its type, labels and meaning', (heading, of) => {
  const [, ...rows] = tableRows(page, heading);
  expect(rows.map((cells) => cells.map((cell) => cell.replaceAll('`', '')))).toEqual(
    METRICS.filter((metric) => metric.of === of).map(({ name, type, labels, help }) => [
      name,
      type,
      labels.join(', '),
      help,
    ]),
  );
});

test('each label is named', () => {
  const [, names = ''] = /Labels are ([^.]*)\./.exec(page.text.replaceAll('\n', ' ')) ?? [];
  expect([...names.matchAll(/`(\w+)`/g)].map(([, label]) => label)).toEqual([...METRIC_LABELS]);
});

test('names are in base units, and say what is counted', () => {
  for (const { name, type } of METRICS) {
    expect(name).toMatch(/^lamplighter_[a-z_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    if (type === 'histogram') expect(name).toMatch(/_seconds$/);
  }
});
