import { PassThrough } from 'node:stream';
import { finished } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { systemClock } from '../../core/clock.ts';
import { createLogger } from '../../core/log.ts';
import { createEngineOutput } from './engine-output.ts';

test('the last line that says why is kept, not one of a trouble that was overcome before', async () => {
  const output = createEngineOutput(createLogger({ level: 'silent' }), systemClock);
  const stream = new PassThrough();
  output.read(stream);
  stream.end('failed to load backend cuda, using the processor\nGGML_ASSERT(n > 0) failed\n  at frame 1\n');
  await finished(stream);
  expect(output.lastWords()).toBe('GGML_ASSERT(n > 0) failed');
});
