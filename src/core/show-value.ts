const MAX_LENGTH = 100;

/** Any value as a few words for a message; never throws, never longer than some hundred characters. */
export function showValue(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > MAX_LENGTH ? `${value.slice(0, MAX_LENGTH)}...` : value);
    case 'bigint':
      return value > -1e100 && value < 1e100 ? `${value}n` : 'a bigint';
    case 'symbol':
      return 'a symbol';
    case 'function':
      return 'a function';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? 'an array' : 'an object';
    case 'undefined':
    case 'boolean':
    case 'number':
      return String(value);
  }
}
