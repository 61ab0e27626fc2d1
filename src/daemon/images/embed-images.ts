import pLimit from 'p-limit';
import { type ItemOutcome, invalid, succeeded } from '../../models/outcome.ts';
import type { Model } from '../../models/port.ts';
import { type ImageFetcher, MOST_IMAGE_BYTES } from './fetch-image.ts';
import type { VisualModel } from './visual-model.ts';

/** Images that are fetched at once, of one call. */
const FETCHES_AT_ONCE = 8;
/** Calls that may wait for their images while others have the engine. */
const CALLS_THAT_FETCH = 4;
const MANY_BYTES = /^\d+ bytes$/;

/**
 * A model of images as the daemon asks for vectors: an image is given as a text, either its bytes in base64 (or how many they are, of one that is
 * too large to be read) or an https URL, which is fetched if there is a fetcher. The model itself is closed by whoever loaded it.
 */
export function takeImagesAsTexts(model: VisualModel, fetcher: ImageFetcher | undefined): Model {
  const fetches = pLimit(FETCHES_AT_ONCE);

  async function read(text: string, signal: AbortSignal): Promise<ItemOutcome<Uint8Array>> {
    if (MANY_BYTES.test(text)) return invalid(`The image has ${text}, and at most ${MOST_IMAGE_BYTES} are read`);
    // There is none in base64.
    if (!text.includes(':')) return succeeded(Buffer.from(text, 'base64'));
    if (fetcher === undefined)
      return invalid('The image is a URL, and the daemon was not started with --allow-url-images');
    return fetches(() => fetcher.fetch(text.trim(), signal));
  }

  return {
    ...model,
    functions: ['embed'],
    maxConcurrency: model.maxConcurrency + CALLS_THAT_FETCH,
    async embed(texts, signal, progress) {
      const looked = await Promise.all(texts.map((text) => read(text, signal)));
      signal.throwIfAborted();
      const found = looked.flatMap((outcome, position) => (outcome.ok ? [{ image: outcome.value, position }] : []));
      const images = found.map(({ image }) => image);
      const positionOf = (position: number) => found[position]?.position ?? position;
      const told = progress && {
        ...progress,
        working: (positions: readonly number[]) => progress.working(positions.map(positionOf)),
        // Of an image, which is no text: each is told by the answer.
        ended: () => undefined,
      };
      const answers = images.length === 0 ? [] : await model.embedImages(images, signal, told);
      let at = 0;
      return looked.map((outcome) => (outcome.ok ? (answers[at++] ?? invalid('The model gave no answer')) : outcome));
    },
  };
}
