export const OCI_IMAGE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_IMAGE_INDEX = 'application/vnd.oci.image.index.v1+json';
/** Part of OCI 1.1's release candidates, dropped before the release. */
export const OCI_ARTIFACT_MANIFEST = 'application/vnd.oci.artifact.manifest.v1+json';

export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_MANIFEST_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_SCHEMA1 = 'application/vnd.docker.distribution.manifest.v1+json';
export const DOCKER_SCHEMA1_SIGNED = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

export const OCTET_STREAM = 'application/octet-stream';

export type ManifestKind = 'image' | 'index';

/** The media types under which a manifest can be pushed, in the order a message names them. */
export const MANIFEST_MEDIA_TYPES = [
  OCI_IMAGE_MANIFEST,
  OCI_IMAGE_INDEX,
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
] as const;

const KINDS: ReadonlyMap<string, ManifestKind> = new Map([
  [OCI_IMAGE_MANIFEST, 'image'],
  [DOCKER_MANIFEST, 'image'],
  [OCI_IMAGE_INDEX, 'index'],
  [DOCKER_MANIFEST_LIST, 'index'],
]);

const FOREIGN_LAYERS: ReadonlySet<string> = new Set([
  'application/vnd.docker.image.rootfs.foreign.diff.tar',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
]);

// RFC 6838 §4.2: restricted-name "/" restricted-name, 127 characters each.
const RESTRICTED = '[a-z0-9][a-z0-9!#$&^_.+-]{0,126}';
const NAMED = new RegExp(`^${RESTRICTED}/${RESTRICTED}$`, 'i');
const WITH_PARAMETERS = new RegExp(`^${RESTRICTED}/${RESTRICTED}(?: *;[\\x20-\\x7e]*)?$`, 'i');

export function manifestKind(mediaType: string): ManifestKind | undefined {
  return KINDS.get(mediaType);
}

export function isSchema1(mediaType: string): boolean {
  return mediaType === DOCKER_SCHEMA1 || mediaType === DOCKER_SCHEMA1_SIGNED;
}

/** Whether these bytes may be missing here, because clients fetch them from the descriptor's urls. */
export function isForeignLayer(mediaType: string): boolean {
  return FOREIGN_LAYERS.has(mediaType);
}

/** RFC 6838 names, and parameters behind them, which sigstore's bundles before v0.3 have. */
export function isMediaType(text: string): boolean {
  return text.length <= 255 && WITH_PARAMETERS.test(text);
}

/** The media type of a Content-Type header, lower case and without its parameters. */
export function parseContentType(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const semicolon = header.indexOf(';');
  const mediaType = (semicolon < 0 ? header : header.slice(0, semicolon)).trim();
  return mediaType.length <= 255 && NAMED.test(mediaType) ? mediaType.toLowerCase() : undefined;
}
