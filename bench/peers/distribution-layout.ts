/** The folder layout of CNCF distribution, which docker-registry 2.8 shares. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Content, StoredRepository } from '../world.ts';

/** Writes repositories as pushes would have left them under `root`. */
export function writeDistributionLayout(
  root: string,
  repositories: Iterable<StoredRepository>,
): void {
  const base = join(root, 'docker/registry/v2');
  const written = new Set<string>();
  const store = ({ digest, bytes }: Content) => {
    if (written.has(digest)) return;
    written.add(digest);
    const hex = digest.slice(7);
    write(`${base}/blobs/sha256/${hex.slice(0, 2)}/${hex}`, 'data', bytes);
  };
  for (const { name, blobs, manifests, tags } of repositories) {
    const folder = `${base}/repositories/${name}`;
    for (const blob of blobs) {
      store(blob);
      writeLink(`${folder}/_layers`, blob.digest);
    }
    for (const manifest of manifests) {
      store(manifest);
      writeLink(`${folder}/_manifests/revisions`, manifest.digest);
    }
    for (const [tag, index] of tags) {
      write(`${folder}/_manifests/tags/${tag}/current`, 'link', manifests[index]!.digest);
    }
  }
}

function writeLink(folder: string, digest: string): void {
  write(`${folder}/sha256/${digest.slice(7)}`, 'link', digest);
}

function write(folder: string, name: string, content: string | Buffer): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${name}`, content);
}
