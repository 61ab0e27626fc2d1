import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { crc32, deflateSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Model } from '../../src/models/port.ts';
import {
  bitsOf,
  copyFixture,
  cosine,
  editJson,
  fixturePath,
  fixtureProvider,
  loadFixture,
  readExpected,
  valuesOf,
} from './onnx-fixtures.ts';

const signal = new AbortController().signal;
const NAME = 'clip-visual';

interface ExpectedImages {
  readonly dimensions: number;
  readonly images: readonly { readonly file: string; readonly vector: number[] }[];
}

/** Decoders of JPEG round, and those of AVIF fill in colours, in ways of their own. */
const likenessOf = (file: string) => (file.endsWith('.avif') ? 0.9999 : file.endsWith('.jpg') ? 0.99999 : 0.99999999);
const readImage = (file: string) => readFile(join(fixturePath(NAME), 'images', file));

describe('a model of images', () => {
  let model: Model;
  let expected: ExpectedImages;
  const embed = async (...images: readonly Uint8Array[]) => (await model.embedImages?.(images, signal)) ?? [];
  const errorOf = async (image: Uint8Array) => {
    const [outcome] = await embed(image);
    return outcome?.ok === false ? outcome.error : undefined;
  };

  beforeAll(async () => {
    model = await loadFixture(NAME);
    expected = await readExpected<ExpectedImages>(NAME);
  });
  afterAll(() => model.close());

  it('gives the vectors that Pillow and numpy give, of every format and shape', async () => {
    const images = await Promise.all(expected.images.map(({ file }) => readImage(file)));
    const vectors = valuesOf(await embed(...images));
    expect(model.dimensions).toBe(expected.dimensions);
    for (const [at, vector] of vectors.entries()) {
      const { file = '', vector: wanted = [] } = expected.images[at] ?? {};
      expect(cosine(vector, wanted), file).toBeGreaterThan(likenessOf(file));
    }
    const [first, ...others] = vectors;
    for (const other of others) expect(cosine(first, other)).toBeLessThan(0.999);
  });

  it('gives an image the same bits alone as beside others', async () => {
    const images = await Promise.all(['photo.jpg', 'tiny.png', 'grey.png'].map(readImage));
    const together = valuesOf(await embed(...images));
    for (const [at, image] of images.entries()) {
      const [vector] = valuesOf(await embed(image));
      expect(bitsOf(vector ?? new Float32Array()), String(at)).toBe(bitsOf(together[at] ?? new Float32Array()));
    }
  });

  it('refuses what is no image for good, and answers those beside it', async () => {
    const photo = await readImage('photo.jpg');
    const outcomes = await embed(
      photo,
      Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
      photo,
      Buffer.alloc(0),
    );
    expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true, false]);
    for (const outcome of [outcomes[1], outcomes[3]]) {
      expect(outcome?.ok === false && outcome.error).toMatchObject({
        kind: 'invalid',
        message: 'It is no image that can be read: expected JPEG, PNG, GIF, WebP, TIFF or AVIF',
      });
    }
  });

  it('refuses an image that was cut off', async () => {
    const photo = await readImage('photo.jpg');
    expect(await errorOf(photo.subarray(0, photo.length / 2))).toMatchObject({
      kind: 'invalid',
      message: expect.stringMatching(/^The image cannot be read: /),
    });
  });

  it('refuses a small file that is an image without end, before it is decoded', async () => {
    const bomb = pngOf(60_000, 60_000);
    expect(bomb.length).toBeLessThan(100_000);
    expect(await errorOf(bomb)).toMatchObject({
      kind: 'invalid',
      message: 'The image has more than 64 million pixels',
    });
  });

  it('reads an image that is as narrow as can be, without resizing all of it', async () => {
    const started = process.memoryUsage().rss;
    expect(await errorOf(pngOf(60_000, 1))).toBeUndefined();
    expect(process.memoryUsage().rss - started).toBeLessThan(200_000_000);
  });

  it('embeds no texts, and says why', async () => {
    expect(model.functions).toEqual([]);
    expect(await model.embed(['a lamp'], signal)).toMatchObject([
      { ok: false, error: { kind: 'invalid', message: expect.stringContaining('it takes images') } },
    ]);
  });
});

describe('describing a model of images', () => {
  it('is visual, and serves no function of requests', async () => {
    expect(await fixtureProvider(NAME).describe({ name: NAME })).toEqual({
      state: 'loadable',
      name: NAME,
      card: { name: NAME, runtime: 'ort', type: 'visual', functions: [], dimensions: 8, isDownloaded: true },
    });
  });

  it('wants the package that reads images', async () => {
    const resolvePackage = (name: string) => {
      if (name === 'sharp') throw new Error('not there');
      return import.meta.resolve(name).replace('file://', '');
    };
    expect(await fixtureProvider(NAME, { resolvePackage }).describe({ name: NAME })).toMatchObject({
      state: 'not_loadable',
      reason: 'the package sharp is not installed',
      hint: expect.stringMatching(/^Run npm install sharp@/),
    });
  });

  it('says what it cannot do of what the folder asks for', async () => {
    const folder = await copyFixture(NAME);
    const describeIt = () => fixtureProvider(NAME, { folder }).describe({ name: NAME });
    await editJson(join(folder, 'preprocessor_config.json'), (value) => ({ ...value, resample: 2 }));
    expect(await describeIt()).toMatchObject({ reason: expect.stringContaining('only bicubic') });
    await rm(join(folder, 'preprocessor_config.json'));
    expect(await describeIt()).toMatchObject({
      reason: expect.stringMatching(/preprocessor_config.json cannot be used/),
    });
  });
});

/** Black, one bit a pixel; a row is as long as a file of the whole may be. */
function pngOf(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = Buffer.alloc((Math.ceil(width / 8) + 1) * Math.min(height, 1_000));
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const magic = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([
    magic,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
