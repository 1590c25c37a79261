import { Refusal } from '../../lib/errors.ts';
import { digestAlgorithm, digestOf } from '../../oci/digest.ts';
import { parseManifest, type Manifest } from '../../oci/manifest.ts';
import { relinkManifest, repairManifestBytes, type LackingReferences } from '../artifacts/index.ts';
import type { Check } from './check.ts';
import { findAffectedByManifest } from './store/affected.ts';
import {
  countManifests,
  listManifestIds,
  readManifests,
  type StoredManifest,
} from './store/manifests.ts';

const BATCH = 500;
const BATCH_BYTES = 8 * 1024 * 1024;

/** Compares the bytes of all manifests with their digests, and with the rows that say what they refer to. */
export async function verifyManifests(check: Check): Promise<void> {
  const { db, figures, signal } = check;
  const total = await countManifests(db);
  for (let after = 0; ;) {
    signal.throwIfAborted();
    check.progress({ what: 'verifying manifests', done: figures.verified_manifests, total });
    const ids = await listManifestIds(db, { after, limit: BATCH, maxBytes: BATCH_BYTES });
    if (ids.length === 0) return;
    after = ids.at(-1)!;
    for (const manifest of await readManifests(db, ids)) await verifyManifest(check, manifest);
    figures.verified_manifests += ids.length;
  }
}

async function verifyManifest(check: Check, manifest: StoredManifest): Promise<void> {
  const { db, options, found } = check;
  const { id, digest, repository, isDamaged } = manifest;
  if (isDamaged) return; // known, as one of the rows
  if (!isRight(manifest)) return reportBytes(check, manifest);
  const lacking = findLacking(manifest);
  if (lacking === undefined) return;
  if (options.repair) await relinkManifest(db, id, lacking);
  const { blobs, children, subject } = lacking;
  const names = [
    ...blobs,
    ...children.map((child) => child.digest),
    ...(subject === undefined ? [] : [subject]),
  ];
  const others = names.length > 5 ? ` and ${names.length - 5} more` : '';
  found({
    kind: 'manifest-references',
    digest,
    note: `in ${repository}: no rows for ${names.slice(0, 5).join(', ')}${others}`,
    affected: await findAffectedByManifest(db, id),
    isRepaired: options.repair,
  });
}

function isRight({ digest, bytes, sizeBytes }: StoredManifest): boolean {
  if (bytes?.byteLength !== sizeBytes) return false;
  return digestOf(bytes, digestAlgorithm(digest)) === digest;
}

async function reportBytes(check: Check, manifest: StoredManifest): Promise<void> {
  const { db, options, found } = check;
  const { id, digest, repository, sizeBytes, bytes } = manifest;
  const affected = await findAffectedByManifest(db, id);
  const isHealed = options.repair && (await repairManifestBytes(db, id));
  const state = bytes === undefined ? 'there are none' : `${bytes.byteLength} bytes are there`;
  found({
    kind: 'manifest-bytes',
    digest,
    sizeBytes,
    note: `in ${repository}: ${state}${isHealed ? '; healed from another repository' : ''}`,
    affected,
    isRepaired: options.repair,
  });
}

/** What a manifest refers to and its rows do not. Rows that say more keep blobs that nobody needs: no harm. */
function findLacking({
  bytes,
  mediaType,
  blobs,
  children,
  subject,
}: StoredManifest): LackingReferences | undefined {
  const manifest = parse(bytes!, mediaType);
  if (manifest === undefined) return undefined;
  const wanted = manifest.subject?.digest;
  const lacking = {
    blobs: manifest.requiredBlobs.map(({ digest }) => digest).filter((d) => !blobs.has(d)),
    children: manifest.children.filter(({ digest }) => !children.has(digest)),
    subject: wanted === subject ? undefined : wanted,
  };
  const isComplete =
    lacking.blobs.length + lacking.children.length === 0 && lacking.subject === undefined;
  return isComplete ? undefined : lacking;
}

/** Undefined: it was accepted by rules that have changed since. */
function parse(bytes: Buffer, mediaType: string): Manifest | undefined {
  try {
    return parseManifest(bytes, mediaType);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
