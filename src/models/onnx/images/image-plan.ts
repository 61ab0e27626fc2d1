import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf } from '../../../core/errors.ts';
import type { LocalModel } from '../../files/model-files.ts';
import type { FolderConfig } from '../folder-config.ts';

/** How an image becomes what the graph takes, as the model's `preprocessor_config.json` says; plain data. */
export interface ImageSettings {
  /** Pixels of the shortest side after the image was resized. */
  readonly shortestSide: number;
  /** Pixels of each side of the square that is cut out of its middle. */
  readonly side: number;
  /** The mean of red, green and blue, as parts of 1. */
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
}

export interface ImagePlan {
  readonly dimensions: number | undefined;
  readonly settings: ImageSettings;
  /** What the settings were read from. */
  readonly settingsPath: string;
}

const FILE = 'preprocessor_config.json';
/** The filter's number in Pillow. */
const BICUBIC = 3;

const rgb = z.tuple([z.number(), z.number(), z.number()]);
const pixels = z.int().min(1).max(4_096);
const sides = z.union([pixels, z.object({ height: pixels, width: pixels })]);
const preprocessorSchema = z.object({
  size: z.union([pixels, z.object({ shortest_edge: pixels })]),
  crop_size: sides,
  resample: z.int().optional(),
  image_mean: rgb,
  image_std: rgb,
  do_resize: z.literal(true).optional(),
  do_center_crop: z.literal(true).optional(),
  do_normalize: z.literal(true).optional(),
});

/** True for a folder whose model takes images. */
export function isVisual({ spec }: Pick<LocalModel, 'spec'>, { config }: Pick<FolderConfig, 'config'>): boolean {
  return spec === undefined ? config?.model_type === 'clip_vision_model' : spec.type === 'visual';
}

/**
 * Reads how to use a model of images, of the family of CLIP. Weights are not opened.
 *
 * @throws Error that says, as the end of a sentence about the model, why it cannot be used.
 */
export async function readImagePlan(
  { path, spec }: LocalModel,
  { config }: Pick<FolderConfig, 'config'>,
): Promise<ImagePlan> {
  const settingsPath = join(path, FILE);
  const read = await readSettings(settingsPath);
  return {
    dimensions: spec?.embedding?.dimensions ?? config?.projection_dim ?? undefined,
    settings: read,
    settingsPath,
  };
}

async function readSettings(path: string): Promise<ImageSettings> {
  try {
    const read = preprocessorSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    const { size, crop_size: crop, resample = BICUBIC, image_mean: mean, image_std: deviation } = read;
    if (resample !== BICUBIC) throw new Error(`it resizes by filter ${resample}, and only bicubic (3) is supported`);
    const shortestSide = typeof size === 'number' ? size : size.shortest_edge;
    const [width, height] = typeof crop === 'number' ? [crop, crop] : [crop.width, crop.height];
    if (width !== height || width > shortestSide) {
      throw new Error(`it cuts ${width} x ${height} pixels out of ${shortestSide}, which is not supported`);
    }
    return { shortestSide, side: width, mean, deviation };
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new Error(`its ${FILE} cannot be used: ${reason}`, { cause: error });
  }
}
