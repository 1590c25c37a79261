import { createHash } from 'node:crypto';

import type { Random } from '../fuzz/random.ts';

export const IMAGE = 'application/vnd.oci.image.manifest.v1+json';
export const INDEX = 'application/vnd.oci.image.index.v1+json';

/** The bytes of a blob, made when they are needed. */
export interface Layer {
  digest: string;
  sizeBytes: number;
  bytes(): Buffer;
}

export const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The same bytes for the same name. */
export function makeLayer(name: string, sizeBytes: number): Layer {
  const bytes = () => {
    const seed = createHash('sha256').update(name).digest();
    return Buffer.alloc(sizeBytes, seed);
  };
  return { digest: digestOf(bytes()), sizeBytes, bytes };
}

/** Layers that many images have in common. */
const SHARED = Array.from({ length: 12 }, (_, number) =>
  makeLayer(`shared ${number}`, 1000 + 40_000 * number),
);

/** A config of its own, and layers of which most are shared; now and then one that is large. */
export function makeImage(name: string, random: Random): { layers: Layer[]; bytes: Buffer } {
  const config = makeLayer(`config ${name}`, 300);
  const own = makeLayer(`own ${name}`, random.below(20) === 0 ? 3_000_000 : 20_000);
  const layers = [config, own, random.pick(SHARED)];
  const descriptors = layers.map(({ digest, sizeBytes }, index) => ({
    mediaType: `application/vnd.oci.image.${index === 0 ? 'config.v1+json' : 'layer.v1.tar'}`,
    digest,
    size: sizeBytes,
  }));
  const manifest = {
    schemaVersion: 2,
    mediaType: IMAGE,
    config: descriptors[0],
    layers: descriptors.slice(1),
  };
  return { layers, bytes: Buffer.from(JSON.stringify(manifest)) };
}

/** An index of images. */
export function makeIndex(name: string, images: { digest: string; bytes: Buffer }[]): Buffer {
  const manifests = images.map(({ digest, bytes }) => ({
    mediaType: IMAGE,
    digest,
    size: bytes.length,
    platform: { os: 'linux', architecture: 'amd64' },
  }));
  const annotations = { name };
  return Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests, annotations }),
  );
}
