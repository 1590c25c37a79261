import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import { parse } from 'yaml';

import { readTar } from '../../../lib/tar.ts';
import { readObject } from '../attributes.ts';
import {
  explainTar,
  MARKDOWN_TYPE,
  notUnpacked,
  openBlob,
  readBlob,
  TEXT_TYPE,
  toJson,
  type Addition,
  type Source,
} from './addition.ts';

const MOST_CONFIG_BYTES = 1024 * 1024;
const MOST_CHART_BYTES = 20 * 1024 * 1024;
const MOST_UNPACKED_BYTES = 100 * 1024 * 1024;
const MOST_FILE_BYTES = 5 * 1024 * 1024;

/** The values of a chart as its author wrote them; empty when it has none, as in Harbor. */
export async function readValues(source: Source): Promise<Addition> {
  return { contentType: TEXT_TYPE, content: await readFile(source, 'values.yaml') };
}

export async function readChartReadme(source: Source): Promise<Addition> {
  return { contentType: MARKDOWN_TYPE, content: await readFile(source, 'readme.md') };
}

/** A chart of version 2 names them in its config, one of version 1 in a file of its own. */
export async function readDependencies(source: Source): Promise<Addition> {
  const { config } = source.manifest;
  const chart = readObject(config && (await readBlob(source, config, MOST_CONFIG_BYTES)));
  const { dependencies } = chart.apiVersion === 'v1' ? await readRequirements(source) : chart;
  return toJson(Array.isArray(dependencies) ? dependencies : []);
}

async function readRequirements(source: Source): Promise<Record<string, unknown>> {
  const text = (await readFile(source, 'requirements.yaml')).toString();
  try {
    return (parse(text) as Record<string, unknown> | null) ?? {};
  } catch {
    return {};
  }
}

/** A file in the folder of the chart itself, not of those it depends on. */
async function readFile(source: Source, wanted: string): Promise<Buffer> {
  const { config, layers } = source.manifest;
  const layer = layers.find(({ digest }) => digest !== config?.digest);
  if (layer === undefined) return Buffer.alloc(0);
  const packed = await openBlob(source, layer, MOST_CHART_BYTES);
  try {
    return await findInTar(packed, wanted);
  } catch (cause) {
    throw asRefusal(cause, `the layer ${layer.digest}`);
  }
}

async function findInTar(packed: AsyncIterable<Uint8Array>, wanted: string): Promise<Buffer> {
  const unpacked = createGunzip();
  // Whatever fails shows where it is read.
  pipeline(Readable.from(copyEach(packed)), unpacked).catch(() => {});
  for await (const entry of readTar(unpacked, MOST_UNPACKED_BYTES)) {
    const [, file, ...deeper] = entry.name.replace(/^\.\//, '').split('/');
    const isWanted = file?.toLowerCase() === wanted && deeper.length === 0;
    if (isWanted && entry.isFile) return entry.read(MOST_FILE_BYTES);
  }
  return Buffer.alloc(0);
}

/** A reader may use the memory of a chunk again. */
async function* copyEach(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of chunks) yield Uint8Array.from(chunk);
}

function asRefusal(cause: unknown, what: string): unknown {
  const isDamaged = (cause as NodeJS.ErrnoException).code?.startsWith('Z_') === true;
  return isDamaged ? notUnpacked(what, cause) : explainTar(what, cause);
}
