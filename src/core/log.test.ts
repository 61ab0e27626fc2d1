import { expect, test } from 'vitest';
import { createLogger } from './log.ts';

function capture() {
  const lines: string[] = [];
  return { lines, destination: { write: (line: string) => void lines.push(line) } };
}

test('a secret is masked in messages, objects, errors and child loggers', () => {
  const { lines, destination } = capture();
  const log = createLogger({ destination });
  const err = new Error('no way to postgres://u:s3cret@h/db', { cause: new Error('password=s3cret') });
  log
    .child({ dsn: 'host=h password=s3cret' })
    .error({ err, deep: [{ settings: { password: 's3cret' } }] }, 'postgres://u:s3cret@h');
  expect(lines).toHaveLength(1);
  expect(lines.join()).not.toContain('s3cret');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    msg: 'postgres://u:[redacted]@h',
    deep: [{ settings: { password: '[redacted]' } }],
  });
});

test('lines are JSON with a readable time and level, or text when pretty', () => {
  const json = capture();
  createLogger({ destination: json.destination }).info('hello');
  expect(JSON.parse(json.lines[0] ?? '')).toMatchObject({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-/),
    msg: 'hello',
  });
  const pretty = capture();
  createLogger({ destination: pretty.destination, pretty: true }).info({ password: 's3cret' }, 'hello');
  expect(pretty.lines.join('')).toMatch(/INFO: hello/);
  expect(pretty.lines.join('')).not.toContain('s3cret');
});

test('pretty lines do not steer the terminal', () => {
  const { lines, destination } = capture();
  createLogger({ destination, pretty: true }).warn({ err: new Error('\u001b[2J') }, 'of \u001b]0;you\u0007');
  expect(lines.join('')).toContain('of \ufffd]0;you\ufffd');
  expect(lines.join('')).not.toContain('\u001b');
});

test('lines below the level are dropped', () => {
  const { lines, destination } = capture();
  createLogger({ destination, level: 'warn' }).info('hello');
  expect(lines).toEqual([]);
});
