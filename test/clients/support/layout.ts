import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Descriptor {
  digest: string;
  annotations?: Record<string, string>;
}

/** The digest an OCI layout has under a name. */
export function digestOf(layout: string, name: string): string {
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: Descriptor[];
  };
  const found = index.manifests.find(
    ({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === name,
  );
  if (found === undefined) throw new Error(`${layout} has no ${name}`);
  return found.digest;
}

/** The digests of all that an OCI layout holds. */
export const blobsOf = (layout: string): string[] =>
  readdirSync(join(layout, 'blobs/sha256')).toSorted();
