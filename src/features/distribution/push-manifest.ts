import { Refusal } from '../../lib/errors.ts';
import { digestOf, type Digest, digestAlgorithm } from '../../oci/digest.ts';
import { parseManifest, type Manifest } from '../../oci/manifest.ts';
import type { Reference } from '../../oci/reference.ts';
import type { Db } from '../../platform/db/connect.ts';
import type { RepositoryKey } from '../access/index.ts';
import { storeManifest } from '../artifacts/index.ts';
import { withinQuota } from '../quotas/index.ts';

export interface ManifestPush {
  repository: RepositoryKey;
  /** What stands in the path. */
  reference: Reference;
  /** Further tags, from `?tag=`. */
  tags: string[];
  maxTags: number;
  allowMissingBlobs: boolean;
  bytes: Buffer;
  contentType: string | undefined;
  actor: { actor: string; client: string };
}

/** Checks a manifest and stores it with its tags. */
export async function pushManifest(
  db: Db,
  push: ManifestPush,
): Promise<{ digest: Digest; manifest: Manifest }> {
  const { reference, bytes, repository } = push;
  const tags = reference.tag === undefined ? push.tags : [reference.tag, ...push.tags];
  if (tags.length > push.maxTags) {
    throw new Refusal('UNSUPPORTED', `a push may set at most ${push.maxTags} tags`, {
      status: 414,
    });
  }
  const manifest = parseManifest(bytes, push.contentType);
  const digest = requireDigest(reference, bytes);
  const stored = {
    repository,
    digest,
    manifest,
    bytes,
    tags,
    allowMissingBlobs: push.allowMissingBlobs,
    ...push.actor,
  };
  const what = {
    projectId: repository.projectId,
    repository: repository.name,
    subject: reference.tag === undefined ? { digest } : { tag: reference.tag },
    ...push.actor,
  };
  await withinQuota(db, what, () => storeManifest(db, stored));
  return { digest, manifest };
}

/** The digest of the bytes as they came, in the algorithm of the reference. */
function requireDigest(reference: Reference, bytes: Buffer): Digest {
  if (reference.digest === undefined) return digestOf(bytes);
  const actual = digestOf(bytes, digestAlgorithm(reference.digest));
  if (actual === reference.digest) return actual;
  throw new Refusal(
    'DIGEST_INVALID',
    `the manifest has the digest ${actual}, not ${reference.digest}`,
  );
}
