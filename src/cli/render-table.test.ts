import { expect, test } from 'vitest';
import { cut, renderTable, wrap } from './render-table.ts';

test('columns are aligned, figures to the right', () => {
  expect(
    renderTable(
      ['name', 'count'],
      [
        ['embed', '7'],
        ['rerank', '12'],
      ],
    ),
  ).toEqual(['name    count', 'embed       7', 'rerank     12']);
});

test('lines are cut to the width and are one line each', () => {
  expect(renderTable(['text'], [['one\n  two three']], { indent: ' ', width: 9 })).toEqual([' text', ' one two…']);
  expect(cut('ééé', 2)).toBe('é…');
});

test('text is wrapped at spaces, and a long word keeps its line', () => {
  expect(wrap('a bb incomprehensible c', 6)).toEqual(['a bb', 'incomprehensible', 'c']);
});

test('what a row holds does not steer the terminal', () => {
  expect(renderTable(['host'], [['\u001b[2Jevil']])).toEqual(['host', '\ufffd[2Jevil']);
});
