import { Refusal } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import type { ManifestKind } from './media-type.ts';
import {
  DOCKER_SCHEMA1_SIGNED,
  isSchema1,
  MANIFEST_MEDIA_TYPES,
  manifestKind,
  OCTET_STREAM,
  parseContentType,
} from './media-type.ts';

/** Headers that say nothing of a manifest; the body decides then. */
const UNTELLING: ReadonlySet<string> = new Set([OCTET_STREAM, 'application/json']);

/** The one media type a manifest has, from its header and its body, which must not contradict. */
export function resolveMediaType(
  contentType: string | undefined,
  inBody: string | undefined,
): { mediaType: string; kind: ManifestKind } {
  const inHeader = readHeader(contentType);
  const mediaType = inHeader ?? inBody;
  if (mediaType === undefined) {
    throw invalid(
      'neither the Content-Type header nor the mediaType of the manifest says what it is',
    );
  }
  // First, so that its own message is given to whatever else is wrong with it.
  if (isSchema1(mediaType) || (inBody !== undefined && isSchema1(inBody))) throw schema1Refusal();
  if (inBody !== undefined && inBody !== mediaType) {
    throw invalid(`Content-Type says ${quote(mediaType)}, but the manifest ${quote(inBody)}`);
  }
  const kind = manifestKind(mediaType);
  if (!kind) {
    throw invalid(
      `${quote(mediaType)} is not accepted as a manifest: use ${MANIFEST_MEDIA_TYPES.join(', ')}`,
    );
  }
  // image-spec 1.0 had no mediaType; Docker's format always had it, and its readers want it.
  if (inBody === undefined && mediaType.startsWith('application/vnd.docker.')) {
    throw invalid(`the manifest must have the mediaType ${quote(mediaType)}`);
  }
  return { mediaType, kind };
}

export function schema1Refusal(): Refusal {
  return invalid(
    `image manifest version 2 schema 1 (${DOCKER_SCHEMA1_SIGNED}) is not supported: ` +
      'push the image again with Docker 1.10 or later, Podman, Buildah or Skopeo, which use schema 2 or OCI',
  );
}

function readHeader(contentType: string | undefined): string | undefined {
  if (contentType === undefined || contentType.trim() === '') return undefined;
  const mediaType = parseContentType(contentType);
  if (mediaType === undefined) {
    throw invalid(`Content-Type ${quote(contentType)} is not a media type`);
  }
  return UNTELLING.has(mediaType) ? undefined : mediaType;
}

function invalid(message: string): Refusal {
  return new Refusal('MANIFEST_INVALID', message);
}
