import { readObject } from '../attributes.ts';
import { readBlob, toJson, type Addition, type Source } from './addition.ts';

const MOST_CONFIG_BYTES = 4 * 1024 * 1024;

/** The steps that an image was made with, as its config tells, and of each that made a layer its digest and size. */
export async function readBuildHistory(source: Source): Promise<Addition> {
  const { config, layers } = source.manifest;
  const { history } = readObject(config && (await readBlob(source, config, MOST_CONFIG_BYTES)));
  const steps = Array.isArray(history) ? history.filter(isObject) : [];
  const making = steps.filter(({ empty_layer }) => empty_layer !== true);
  // Where the numbers differ nobody can tell which layer is of which step.
  const layerOf = new Map(
    making.length === layers.length ? making.map((step, index) => [step, layers[index]!]) : [],
  );
  return toJson(
    steps.map((step) => {
      const { digest, size } = layerOf.get(step) ?? {};
      return { ...step, digest, size };
    }),
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
