import { parseStrictJson, StrictJsonError } from '../../lib/strict-json.ts';

export type Attributes = Record<string, unknown>;

/** What of a manifest says how its config is to be read. */
export interface Described {
  /** The type of the artifact. */
  type: string;
  /** What the config is said to be in the manifest. */
  config: { mediaType?: string; annotations?: Record<string, string> };
  firstLayer: { mediaType?: string; annotations?: Record<string, string> } | undefined;
}

/** More is not kept for one artifact, as a list shows 100 of them. */
const MOST_BYTES = 64 * 1024;
const SKIP_LIST = 'io.goharbor.artifact.v1alpha1.skip-list';
const AUTHOR_LABELS = ['org.opencontainers.image.authors', 'maintainer'];
const WASM_CONFIG = 'application/vnd.wasm.config.v1+json';
const TITLE = 'org.opencontainers.image.title';

/** What Harbor tells of an artifact in `extra_attrs`. `config` are the bytes of its config, if there are any. */
export function readAttributes(described: Described, config: Buffer | undefined): Attributes {
  const { type, firstLayer } = described;
  if (type === 'WASM' && described.config.mediaType === WASM_CONFIG) {
    return withoutMissing({
      'manifest.config.mediaType': WASM_CONFIG,
      'manifest.layers.mediaType': firstLayer?.mediaType,
      [TITLE]: firstLayer?.annotations?.[TITLE],
    });
  }
  const content = readObject(config);
  if (type === 'IMAGE') return shorten(readImage(content));
  if (type === 'WASM') {
    return shorten({
      'manifest.config.mediaType': described.config.mediaType,
      ...readImage(content),
    });
  }
  const skipped = (described.config.annotations?.[SKIP_LIST] ?? '').split(',');
  const kept = Object.entries(content).filter(([key]) => !skipped.includes(key));
  return shorten(Object.fromEntries(kept));
}

/** Members that are there, whatever an image is made with. */
function readImage(content: Attributes): Attributes {
  const config = asObject(content.config);
  const labels = asObject(config.Labels);
  const author = [content.author, ...AUTHOR_LABELS.map((label) => labels[label])];
  return {
    created: typeof content.created === 'string' ? content.created : null,
    architecture: asText(content.architecture),
    os: asText(content.os),
    author: author.map(asText).find((text) => text !== '') ?? '',
    config,
  };
}

/** A config that is no JSON, or that two readers could understand differently, says nothing. */
export function readObject(bytes: Buffer | undefined): Attributes {
  if (bytes === undefined) return {};
  try {
    return asObject(parseStrictJson(bytes));
  } catch (error) {
    if (error instanceof StrictJsonError) return {};
    throw error;
  }
}

function shorten(attributes: Attributes): Attributes {
  if (JSON.stringify(attributes).length <= MOST_BYTES) return attributes;
  // What is written by hand is seldom long.
  const short = Object.entries(attributes).filter(
    ([, value]) => JSON.stringify(value ?? null).length <= 1024,
  );
  return Object.fromEntries(short.slice(0, 50));
}

const withoutMissing = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));

const asText = (value: unknown): string => (typeof value === 'string' ? value : '');

const asObject = (value: unknown): Attributes =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Attributes) : {};
