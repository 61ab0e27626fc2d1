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

/** Three bytes each: 192 MB while an image is being read. A small file may be an image without end. */
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
 * (EXIF), transparency and colour profiles.
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
  const raw = image
    .timeout({ seconds: LONGEST_DECODE_SECONDS })
    .removeAlpha()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' });
  const { data, info } = await told(raw.toBuffer({ resolveWithObject: true }));
  const { width, height, channels } = info;
  if (channels === 3) return { width, height, data };
  if (channels !== 1) throw new UnreadableImage(`The image has ${channels} channels, and 1 or 3 are read`);
  const colours = new Uint8Array(data.length * 3);
  for (const [at, value] of data.entries()) colours.fill(value, at * 3, at * 3 + 3);
  return { width, height, data: colours };
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
