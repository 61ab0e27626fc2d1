import type { InferenceSession } from 'onnxruntime-node';
import { messageOf } from '../../../core/errors.ts';
import type { Engine, EngineCall } from '../../engine/serve-engine.ts';
import { failed, type ItemOutcome, invalid, succeeded } from '../../outcome.ts';
import { normalise, openSession, runGraph } from '../graph.ts';
import { type DecodeImage, openDecoder, type Pixels, UnreadableImage } from './decode-image.ts';
import type { ImageSettings } from './image-plan.ts';
import { resample } from './resample.ts';

/** Everything the engine needs to open a model of images; plain data. */
export interface ImageEngineSetup {
  readonly kind: 'images';
  readonly weightsPath: string;
  readonly settings: ImageSettings;
  /** Threads that one run of the graph uses. */
  readonly threads: number;
}

export interface ImageEngineFacts {
  readonly dimensions: number;
}

/** A model of images that is open in this process. */
export interface ImageEngine extends Engine {
  readonly facts: ImageEngineFacts;
}

const INPUT = 'pixel_values';
/** Names under which exporters give the finished vector. */
const OUTPUTS = ['image_embeds', 'sentence_embedding'];
const GREY = 128;

/**
 * Opens a model of images and lets it answer once. Images are run one by one, so that an answer never hangs on its neighbours: one has as
 * many patches as a text has tokens, which fill a processor.
 *
 * @throws Error that says why the model cannot be used.
 */
export async function openImageEngine({ weightsPath, settings, threads }: ImageEngineSetup): Promise<ImageEngine> {
  const decode = await openDecoder(threads);
  const session = await openSession(weightsPath, threads);
  const output = chooseOutput(session, settings);
  const { side } = settings;
  const { Tensor } = await import('onnxruntime-node');
  const run = async (values: Float32Array): Promise<Float32Array> => {
    const given = await runGraph(session, { [INPUT]: new Tensor('float32', values, [1, 3, side, side]) }, output);
    if (!(given.data instanceof Float32Array)) throw new Error('The graph gave something other than float32 values');
    const vector = normalise(Float64Array.from(given.data));
    if (vector === undefined) throw new Error('the vector has no direction');
    return vector;
  };
  const probe = { width: side, height: side, data: new Uint8Array(side * side * 3).fill(GREY) };
  const { length: dimensions } = await run(prepareImage(probe, settings));
  return {
    facts: { dimensions },
    async answer(work, call) {
      if (work.method !== 'embed_images') throw new Error(`This engine does not ${work.method}`);
      for (const [position, bytes] of work.items.entries()) {
        await answerOne(position, bytes, { decode, run, settings, call });
      }
    },
  };
}

interface Tools {
  readonly decode: DecodeImage;
  readonly run: (values: Float32Array) => Promise<Float32Array>;
  readonly settings: ImageSettings;
  readonly call: EngineCall;
}

async function answerOne(position: number, bytes: Uint8Array, { decode, run, settings, call }: Tools): Promise<void> {
  await call.working([position]);
  call.ended(position, await outcomeOf(async () => run(prepareImage(await decode(bytes), settings))));
}

async function outcomeOf(work: () => Promise<Float32Array>): Promise<ItemOutcome<Float32Array>> {
  try {
    return succeeded(await work());
  } catch (error) {
    return error instanceof UnreadableImage ? invalid(error.message) : failed(`The model failed: ${messageOf(error)}`);
  }
}

function chooseOutput({ inputMetadata, outputMetadata }: InferenceSession, { side }: ImageSettings): string {
  const [input, ...others] = inputMetadata;
  if (input?.name !== INPUT || others.length > 0) throw new Error(`its graph takes something other than ${INPUT}`);
  if (!input.isTensor || input.type !== 'float32' || input.shape.length !== 4) {
    throw new Error(`its graph wants an input "${INPUT}" that is no image of float32 values`);
  }
  const fits = input.shape.every((size, at) => typeof size !== 'number' || size === [1, 3, side, side][at]);
  if (!fits)
    throw new Error(`its graph takes images of shape ${input.shape.join(' x ')}, not 1 x 3 x ${side} x ${side}`);
  const output = outputMetadata.find(({ name, isTensor }) => isTensor && OUTPUTS.includes(name));
  if (output === undefined) throw new Error(`its graph gives none of ${OUTPUTS.join(', ')}`);
  return output.name;
}

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
