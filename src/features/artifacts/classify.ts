import { parseDigest, type Digest } from '../../oci/digest.ts';
import type { Manifest } from '../../oci/manifest.ts';

const WASM = 'application/vnd.wasm.config.v1+json';
const IMAGE_CONFIGS: ReadonlySet<string> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);
/** Annotations by which an image says that it is a WebAssembly module. */
const WASM_ANNOTATIONS = { 'module.wasm.image/variant': 'compat', 'run.oci.handler': 'wasm' };

/**
 * What Harbor calls the media type of an artifact: that of an image's config; of an index its own, or the one that CNAB
 * puts into an annotation. With the artifactType it decides on the artifact's type (`artifact_type_name` in SQL).
 */
export function findConfigMediaType({
  mediaType,
  config,
  annotations,
}: Pick<Manifest, 'mediaType' | 'config' | 'annotations'>): string {
  if (config === undefined) return annotations['org.opencontainers.artifactType'] || mediaType;
  const isWasm = Object.entries(WASM_ANNOTATIONS).some(
    ([key, value]) => annotations[key] === value,
  );
  return isWasm ? WASM : config.mediaType;
}

export const ACCESSORY_TYPES = [
  'signature.cosign',
  'signature.notation',
  'accelerator.nydus',
  'sbom.harbor',
  'subject.accessory',
] as const;
export type AccessoryType = (typeof ACCESSORY_TYPES)[number];

const TYPES_OF_ACCESSORIES: Readonly<Record<string, AccessoryType>> = {
  'application/vnd.dev.cosign.artifact.sig.v1+json': 'signature.cosign',
  'application/vnd.dev.sigstore.bundle.v0.3+json': 'signature.cosign',
  'application/vnd.cncf.notary.signature': 'signature.notation',
  'application/vnd.goharbor.harbor.sbom.v1': 'sbom.harbor',
};
const COSIGN_TAG = /^sha256-([0-9a-f]{64})\.sig$/;
const COSIGN_LAYER = 'application/vnd.dev.cosign.simplesigning.v1+json';

export interface Accessory {
  type: AccessoryType;
  /** The digest of the artifact it belongs to, which may come later. */
  of: Digest;
}

/** Whether a manifest belongs to another one: by its subject, or, as cosign 2 signs, by its tag. */
export function findAccessory(manifest: Manifest, tags: string[]): Accessory | undefined {
  const { subject, layers } = manifest;
  if (subject !== undefined) return { type: typeOfAccessory(manifest), of: subject.digest };
  const signed = tags.map((tag) => COSIGN_TAG.exec(tag)?.[1]).find((hex) => hex !== undefined);
  const isSignature = layers.some(({ mediaType }) => mediaType === COSIGN_LAYER);
  if (signed === undefined || !isSignature) return undefined;
  return { type: 'signature.cosign', of: parseDigest(`sha256:${signed}`) };
}

function typeOfAccessory({ artifactType = '', layers }: Manifest): AccessoryType {
  if (IMAGE_CONFIGS.has(artifactType)) {
    const { annotations = {} } = layers.at(-1) ?? {};
    const isNydus = Object.hasOwn(annotations, 'containerd.io/snapshot/nydus-bootstrap');
    return isNydus ? 'accelerator.nydus' : 'subject.accessory';
  }
  return Object.hasOwn(TYPES_OF_ACCESSORIES, artifactType)
    ? TYPES_OF_ACCESSORIES[artifactType]!
    : 'subject.accessory';
}
