import type { Sharp, SharpOptions } from 'sharp';
import { messageOf } from '../../../core/errors.ts';

/** A decoded image: rows from the top, three bytes a pixel. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** What is wrong with an image, as a sentence. */
export class UnreadableImage extends Error {
  override readonly name = 'UnreadableImage';
}

/** Decodes the bytes of a file. */
export type DecodeImage = (bytes: Uint8Array) => Promise<Pixels>;

/** Three bytes each: 192 MB while an image is being read, and 448 MB of one in CMYK. A small file may be an image without end. */
const MOST_PIXELS = 64_000_000;
const LONGEST_DECODE_SECONDS = 30;

interface Format {
  readonly loader: string;
  readonly isOf: (head: Buffer) => boolean;
}

const startsWith = (...signatures: readonly string[]) => {
  const wanted = signatures.map((signature) => Buffer.from(signature, 'latin1'));
  return (head: Buffer) => wanted.some((bytes) => head.subarray(0, bytes.length).equals(bytes));
};

/** No format of vector graphics, and none that names other files. */
const FORMATS: readonly Format[] = [
  { loader: 'VipsForeignLoadJpegBuffer', isOf: startsWith('\xff\xd8\xff') },
  { loader: 'VipsForeignLoadPngBuffer', isOf: startsWith('\x89PNG\r\n\x1a\n') },
  { loader: 'VipsForeignLoadNsgifBuffer', isOf: startsWith('GIF87a', 'GIF89a') },
  { loader: 'VipsForeignLoadTiffBuffer', isOf: startsWith('II*\0', 'MM\0*') },
  {
    loader: 'VipsForeignLoadWebpBuffer',
    isOf: (head) => head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP',
  },
  { loader: 'VipsForeignLoadHeifBuffer', isOf: (head) => /^ftypavi[fs]$/.test(head.toString('latin1', 4, 12)) },
];

/**
 * A decoder for JPEG, PNG, GIF, WebP, TIFF and AVIF, of animations for the first image. As in the reference of CLIP, it ignores orientation
 * (EXIF), transparency and colour profiles; of 16 bits it keeps the upper 8, also of grey images, which Pillow would make white.
 *
 * @throws Error when the package `sharp` cannot be loaded. The decoder throws UnreadableImage for what is no image or too large a one.
 */
export async function openDecoder(threads: number): Promise<DecodeImage> {
  const { default: sharp } = await import('sharp');
  sharp.cache(false);
  sharp.concurrency(threads);
  // What the bytes turn out to be is not for them to say.
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: FORMATS.map(({ loader }) => loader) });
  const options: SharpOptions = {
    limitInputPixels: MOST_PIXELS,
    failOn: 'error',
    ignoreIcc: true,
    sequentialRead: true,
  };
  return async (bytes) => {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (!FORMATS.some(({ isOf }) => isOf(buffer.subarray(0, 12)))) {
      throw new UnreadableImage('It is no image that can be read: expected JPEG, PNG, GIF, WebP, TIFF or AVIF');
    }
    return read(sharp(buffer, options));
  };
}

async function read(image: Sharp): Promise<Pixels> {
  const { space } = await told(image.metadata());
  const isOfInks = space === 'cmyk';
  const bounded = image.timeout({ seconds: LONGEST_DECODE_SECONDS }).removeAlpha();
  const converted = isOfInks
    ? bounded.pipelineColourspace('cmyk').toColourspace('cmyk')
    : bounded.toColourspace('srgb');
  const { data, info } = await told(converted.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true }));
  const { width, height, channels } = info;
  if (isOfInks && channels === 4) return { width, height, data: coloursOfInks(data) };
  if (channels === 3) return { width, height, data };
  if (channels !== 1) throw new UnreadableImage(`The image has ${channels} channels, and 1 or 3 are read`);
  const colours = new Uint8Array(data.length * 3);
  for (const [at, value] of data.entries()) colours.fill(value, at * 3, at * 3 + 3);
  return { width, height, data: colours };
}

/** The conversion of Pillow, bit for bit: without a colour profile each ink takes light away in proportion. */
function coloursOfInks(inks: Uint8Array): Uint8Array {
  const colours = new Uint8Array((inks.length / 4) * 3);
  for (let pixel = 0; pixel < inks.length / 4; pixel += 1) {
    const light = 255 - (inks[pixel * 4 + 3] ?? 0);
    for (let ink = 0; ink < 3; ink += 1) {
      const product = (inks[pixel * 4 + ink] ?? 0) * light + 128;
      colours[pixel * 3 + ink] = light - (((product >> 8) + product) >> 8);
    }
  }
  return colours;
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const [reason = ''] = messageOf(error).split('\n', 1);
    throw new UnreadableImage(
      reason === 'Input image exceeds pixel limit'
        ? `The image has more than ${MOST_PIXELS / 1_000_000} million pixels`
        : `The image cannot be read: ${reason}`,
      { cause: error },
    );
  }
}
