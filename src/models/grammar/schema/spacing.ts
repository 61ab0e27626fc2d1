import { type Expression, literal, optional, sequence } from '../gbnf/expression.ts';

/** Models are used to one space here; more they might repeat without end. */
const space = optional(literal(' '));

/** Between two items or members. */
export const COMMA: Expression = sequence(literal(','), space);

/** Between a name and its value. */
export const COLON: Expression = sequence(literal(':'), space);
