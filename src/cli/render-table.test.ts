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

const NARROW = { indent: ' ', width: 40 };

test('a cell is one line, and nothing of it is cut', () => {
  expect(renderTable(['text'], [['one\n  two three']], { indent: ' ', width: 9 })).toEqual([' text', ' one two three']);
  expect(cut('ééé', 2)).toBe('é…');
});

test('where the screen is too narrow, columns of zeros and dashes are left out first', () => {
  const rows = [['embed', '12', '0', '-', 'fine']];
  expect(renderTable(['function', 'pending', 'cancelled', 'oldest', 'state'], rows, NARROW)).toEqual([
    ' function  pending  state',
    ' embed          12  fine',
  ]);
});

test('then the text of the last column is wrapped', () => {
  const rows = [['embed', 'a long sentence about what went wrong']];
  expect(renderTable(['function', 'error'], rows, NARROW)).toEqual([
    ' function  error',
    ' embed     a long sentence about what',
    '           went wrong',
  ]);
});

test('then each row lists its values', () => {
  const rows = [['generate_json', 'a/model', '1200', '37', '3 min']];
  expect(renderTable(['function', 'model', 'completed', 'failed', 'oldest'], rows, { width: 30 })).toEqual([
    'function',
    'generate_json',
    '  model a/model, completed',
    '  1200, failed 37, oldest 3',
    '  min',
  ]);
});

test('text is wrapped at spaces, and a long word keeps its line', () => {
  expect(wrap('a bb incomprehensible c', 6)).toEqual(['a bb', 'incomprehensible', 'c']);
});

test('what a row holds does not steer the terminal', () => {
  expect(renderTable(['host'], [['\u001b[2Jevil']])).toEqual(['host', '\ufffd[2Jevil']);
});
