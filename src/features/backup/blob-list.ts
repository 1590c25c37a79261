import { parseDigest, type Digest } from '../../oci/digest.ts';
import { openFile, type StoredFile } from './stored-file.ts';

export interface ListedBlob {
  digest: Digest;
  sizeBytes: number;
  /** Where the registry had it. */
  location: string;
}

/** The blobs of a backup, in the order of their digests. */
export async function* readBlobList(
  folder: string,
  list: StoredFile,
): AsyncGenerator<ListedBlob, void> {
  for await (const line of splitLines(openFile(folder, list))) {
    const [digest, size, location] = line.split('\t') as [string, string, string];
    yield { digest: parseDigest(digest), sizeBytes: Number(size), location };
  }
}

/** The lines, without the ends that each of them has. */
async function* splitLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
}
