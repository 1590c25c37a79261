import { Refusal } from '../lib/errors.ts';
import { parseStrictJson, StrictJsonError } from '../lib/strict-json.ts';
import type { Descriptor } from './descriptor.ts';
import { readDescriptor, readDescriptors, readMediaType } from './descriptor.ts';
import type { Members } from './json-members.ts';
import { readMember, readObject, readText, readTextMap } from './json-members.ts';
import { resolveMediaType, schema1Refusal } from './manifest-media-type.ts';
import type { ManifestKind } from './media-type.ts';
import { isForeignLayer, isSchema1, manifestKind, OCI_ARTIFACT_MANIFEST } from './media-type.ts';

export type { Descriptor } from './descriptor.ts';

export interface Manifest {
  kind: ManifestKind;
  mediaType: string;
  /** As the referrers API shows it: the manifest's own, else an image's config type. */
  artifactType: string | undefined;
  /** Images only. */
  config?: Descriptor;
  /** Empty for an index. */
  layers: Descriptor[];
  /** The manifests an index lists. */
  children: Descriptor[];
  subject?: Descriptor;
  annotations: Record<string, string>;
  /** Blobs that must be in the repository: config and layers except foreign ones; of an index, what
   * it lists and is no manifest, as BuildKit's caches do. */
  requiredBlobs: Descriptor[];
}

const MEMBERS = [
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'manifests',
  'subject',
  'annotations',
  'fsLayers',
  'blobs',
] as const;

type Body = Members<(typeof MEMBERS)[number]>;

/** Members that make a manifest one of another kind, GHSA-qq97-vm5h-rrhg. */
const FOREIGN_MEMBERS = {
  image: ['manifests', 'fsLayers', 'blobs'],
  index: ['config', 'layers', 'fsLayers', 'blobs'],
} as const;

/** Reads a manifest as pushed, and refuses what two readers could understand differently. The bytes
 * are stored and served as they came; what we don't know in them is fine. */
export function parseManifest(bytes: Uint8Array, contentType: string | undefined): Manifest {
  const body = readObject(parseJson(bytes), 'manifest', MEMBERS);
  if (body.schemaVersion === 1) throw schema1Refusal();
  let inBody: string | undefined;
  readMember(body.mediaType, (given) => (inBody = readText(given, 'mediaType') || undefined));
  const { mediaType, kind } = resolveMediaType(contentType, inBody);
  if (body.schemaVersion !== 2) throw invalid('schemaVersion must be 2');
  requireOneKind(body, kind);
  return kind === 'image' ? readImage(body, mediaType) : readIndex(body, mediaType);
}

function readImage(body: Body, mediaType: string): Manifest {
  if (body.config === undefined) throw invalid('an image manifest must have a config');
  if (body.layers === undefined) throw invalid('an image manifest must have layers, if only []');
  const config = readDescriptor(body.config, 'config');
  const layers = readDescriptors(body.layers, 'layers');
  return {
    kind: 'image',
    mediaType,
    artifactType: readArtifactType(body) ?? config.mediaType,
    config,
    layers,
    children: [],
    ...readCommon(body),
    requiredBlobs: [config, ...layers.filter((layer) => !isForeignLayer(layer.mediaType))],
  };
}

function readIndex(body: Body, mediaType: string): Manifest {
  if (body.manifests === undefined) throw invalid('an index must have manifests, if only []');
  const listed = readDescriptors(body.manifests, 'manifests');
  return {
    kind: 'index',
    mediaType,
    artifactType: readArtifactType(body),
    layers: [],
    children: listed.filter(isManifest),
    ...readCommon(body),
    requiredBlobs: listed.filter(
      (listed) => !isManifest(listed) && !isForeignLayer(listed.mediaType),
    ),
  };
}

function readCommon(body: Body): Pick<Manifest, 'annotations' | 'subject'> {
  const common: Pick<Manifest, 'annotations' | 'subject'> = { annotations: {} };
  readMember(body.annotations, (given) => {
    common.annotations = readTextMap(given, 'annotations');
  });
  readMember(body.subject, (given) => {
    common.subject = readDescriptor(given, 'subject');
  });
  return common;
}

/** An empty one counts as missing: OCI 1.1 §listing-referrers. */
function readArtifactType({ artifactType }: Body): string | undefined {
  if (artifactType === undefined || artifactType === null || artifactType === '') return undefined;
  return readMediaType(artifactType, 'artifactType');
}

function requireOneKind(body: Body, kind: ManifestKind): void {
  const member = FOREIGN_MEMBERS[kind].find((name) => body[name] !== undefined);
  if (member) throw invalid(`an ${kind} must not have ${member}: it could be read as two kinds`);
}

/** Also such manifests as can't be pushed here: an index may list what is not there. */
function isManifest({ mediaType }: Descriptor): boolean {
  return (
    manifestKind(mediaType) !== undefined ||
    isSchema1(mediaType) ||
    mediaType === OCI_ARTIFACT_MANIFEST
  );
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (cause) {
    if (!(cause instanceof StrictJsonError)) throw cause;
    throw invalid(`the manifest is refused: ${cause.message}`, cause);
  }
}

function invalid(message: string, cause?: Error): Refusal {
  return new Refusal('MANIFEST_INVALID', message, { cause });
}
