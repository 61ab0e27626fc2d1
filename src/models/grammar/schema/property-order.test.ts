import { expect, test } from 'vitest';
import { writeJson } from '../../json/json-text.ts';
import { inPropertyOrder, withOrderedProperties } from './property-order.ts';

test('required names come first, then the wish, then the order of jsonb', () => {
  const names = ['id', 'é', 'zz', 'note', 'answer', 'reasoning', '10', '9'];
  expect(inPropertyOrder(names, { required: [], ordering: [] })).toEqual([
    '9',
    '10',
    'id',
    'zz',
    'é',
    'note',
    'answer',
    'reasoning',
  ]);
  const wishes = { required: ['reasoning', 'answer', 'missing'], ordering: ['zz', 'answer', '10', 'missing'] };
  expect(inPropertyOrder(names, wishes)).toEqual(['reasoning', 'answer', 'zz', '10', '9', 'id', 'é', 'note']);
});

test('a schema for servers has every part in order, names that are numbers too, and its values as they were', () => {
  const part = { properties: { a: {}, reasoning: {}, '1': {} }, required: ['reasoning', '1', 'a'] };
  const inOrder = '{"properties":{"reasoning":{},"1":{},"a":{}},"required":["reasoning","1","a"]}';
  const schema = {
    properties: { propertyOrdering: part, b: { items: [part], propertyOrdering: ['x'] } },
    propertyOrdering: ['propertyOrdering', 'b'],
    $defs: { properties: part },
    enum: [part, { propertyOrdering: ['a'] }],
    additionalProperties: part,
  };
  const text = JSON.stringify(part);
  expect(writeJson(withOrderedProperties(schema))).toBe(
    `{"properties":{"propertyOrdering":${inOrder},"b":{"items":[${inOrder}]}},"$defs":{"properties":${inOrder}},` +
      `"enum":[${text},{"propertyOrdering":["a"]}],"additionalProperties":${inOrder}}`,
  );
  expect(withOrderedProperties(true)).toBe(true);
});
