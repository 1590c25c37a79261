/** What every peer holds before the measurements: the same bytes under the same names. */
import { createHash } from 'node:crypto';

import type { Sizes } from './options.ts';

export interface Content {
  digest: string;
  bytes: Buffer;
}

export interface StoredRepository {
  name: string;
  blobs: Content[];
  manifests: Content[];
  /** Each tag with the place of its manifest in `manifests`. */
  tags: [tag: string, manifest: number][];
}

export const PROJECT = 'bench';
export const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const LAYER_TYPE = 'application/vnd.oci.image.layer.v1.tar+gzip';

const LAYER_BYTES = 4096;
const CONFIG_BYTES = 3072;
const MANY_MANIFESTS = 10;

const padded = (number: number) => String(number).padStart(6, '0');
export const repositoryName = (index: number) => `${PROJECT}/r${padded(index)}`;
export const tagName = (index: number) => `t${padded(index)}`;
/** A repository with very many tags, and one with ten. */
export const MANY = `${PROJECT}/many`;
export const FEW = `${PROJECT}/few`;
export const FEW_TAGS = 10;
/** Where 1 000 000 tags are put before a restart. */
export const manyMoreName = (index: number) => `${PROJECT}/more${index}`;
const MANY_MORE = 10;

export function toContent(bytes: Buffer): Content {
  return { bytes, digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}` };
}

/** Bytes that look random and are the same at each run. */
export function pseudoRandom(seed: string, length: number): Buffer {
  return createHash('shake256', { outputLength: length }).update(seed).digest();
}

/** A configuration of an image in JSON, as some registries look into it. */
export function makeConfig(seed: string, length = CONFIG_BYTES): Content {
  const head = `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},"author":"`;
  const filling = pseudoRandom(seed, length).toString('hex');
  return toContent(Buffer.from(`${head}${filling.slice(0, length - head.length - 2)}"}`));
}

export function makeManifest(config: Content, layers: Content[], revision: string): Content {
  const describe = (mediaType: string, { digest, bytes }: Content) => ({
    mediaType,
    digest,
    size: bytes.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST_TYPE,
    config: describe(CONFIG_TYPE, config),
    layers: layers.map((layer) => describe(LAYER_TYPE, layer)),
    annotations: { 'org.opencontainers.image.revision': revision },
  };
  return toContent(Buffer.from(JSON.stringify(manifest)));
}

const baseLayers = [0, 1, 2].map((n) => toContent(pseudoRandom(`layer ${n}`, LAYER_BYTES)));

/** A repository's own 3 kB blob. */
export const configOf = (repository: string): Content => makeConfig(repository);

export const manifestOf = (repository: string, index: number): Content =>
  makeManifest(configOf(repository), baseLayers, `${repository}-${index}`);

function makeRepository(name: string, tags: number, manifests: number): StoredRepository {
  const config = configOf(name);
  return {
    name,
    blobs: [config, ...baseLayers],
    manifests: Array.from({ length: manifests }, (_, n) =>
      makeManifest(config, baseLayers, `${name}-${n}`),
    ),
    tags: Array.from({ length: tags }, (_, n) => [tagName(n), n % manifests]),
  };
}

/** Pushed through each peer's API, so that what is written to its disk directly can be compared with it. */
export const pushedRepository = (): StoredRepository => makeRepository(`${PROJECT}/pushed`, 2, 2);

/** All that is written directly. The repositories behind the first `repositories` fill the catalog only. */
export function* storedRepositories(sizes: Sizes): Generator<StoredRepository> {
  for (let index = 0; index < sizes.repositories; index += 1) {
    yield makeRepository(repositoryName(index), sizes.tags, sizes.tags);
  }
  yield makeRepository(FEW, FEW_TAGS, FEW_TAGS);
  yield makeRepository(MANY, sizes.manyTags, MANY_MANIFESTS);
  const thin = makeRepository(repositoryName(0), 1, 1);
  for (let index = sizes.repositories; index < sizes.catalog; index += 1) {
    yield { ...thin, name: repositoryName(index) };
  }
}

/** Ten repositories with all these tags together. */
export function* manyMoreRepositories({ restartTags }: Sizes): Generator<StoredRepository> {
  for (let index = 0; index < MANY_MORE; index += 1) {
    yield makeRepository(manyMoreName(index), restartTags / MANY_MORE, MANY_MANIFESTS);
  }
}

/** How many names the catalog must list at least. */
export const catalogSize = ({ catalog }: Sizes) => catalog + 3;
