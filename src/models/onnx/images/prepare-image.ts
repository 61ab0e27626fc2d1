import type { Pixels } from './decode-image.ts';
import type { ImageSettings } from './image-plan.ts';
import { resample } from './resample.ts';

/**
 * What the graph takes of an image: resized so that the shortest side fits, cut to a square in the middle, and normalised. Red, green and
 * blue one after the other, `side` rows each.
 */
export function prepareImage(pixels: Pixels, { shortestSide, side, mean, deviation }: ImageSettings): Float32Array {
  const shortest = Math.min(pixels.width, pixels.height);
  // Multiplied first, as the reference does: the other order gives another number of pixels now and then.
  const resized = (length: number) => Math.trunc((shortestSide * length) / shortest);
  const [width, height] = [resized(pixels.width), resized(pixels.height)];
  const left = Math.floor((width - side) / 2);
  const top = Math.floor((height - side) / 2);
  const cut = resample(pixels, { width, height, left, top, side });
  const plane = side * side;
  const values = new Float32Array(3 * plane);
  for (let channel = 0; channel < 3; channel += 1) {
    const [centre, spread] = [mean[channel] ?? 0, deviation[channel] ?? 1];
    for (let at = 0; at < plane; at += 1) {
      values[channel * plane + at] = ((cut[at * 3 + channel] ?? 0) / 255 - centre) / spread;
    }
  }
  return values;
}
