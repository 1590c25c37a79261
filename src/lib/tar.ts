/** One file, directory or link of a tar archive. */
export interface TarEntry {
  /** As it is written there; it may hold anything, `..` too. */
  name: string;
  isFile: boolean;
  sizeBytes: number;
  /** What is in it; to be called before the next entry is asked for, once. Fails above `maxBytes`. */
  read(maxBytes: number): Promise<Buffer>;
}

/** The archive is damaged, or more than somebody wants to read. */
export class TarError extends Error {
  readonly isTooLarge: boolean;

  constructor(message: string, isTooLarge = false) {
    super(message);
    this.isTooLarge = isTooLarge;
  }
}

const BLOCK = 512;
/** A long name stands in an entry of its own. */
const MOST_NAME_BYTES = 64 * 1024;

/**
 * The entries of a tar archive (POSIX ustar and pax, GNU's long names), one after the other, in memory one block at a
 * time. Fails when the archive is longer than `maxBytes`.
 */
export async function* readTar(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<TarEntry, void> {
  const source = new Source(chunks, maxBytes);
  let longName: string | undefined;
  try {
    for (;;) {
      const header = await source.take(BLOCK);
      if (header === undefined || header[0] === 0) return; // a name is never empty: the end
      requireChecksum(header);
      const type = String.fromCharCode(header[156]!);
      // Links, devices and directories have no content, whatever size they say.
      const sizeBytes = '123456'.includes(type) ? 0 : readNumber(header, 124, 12);
      const end = source.position + Math.ceil(sizeBytes / BLOCK) * BLOCK;
      if (type === 'L' || type === 'x') {
        const text = (await readContent(source, sizeBytes, MOST_NAME_BYTES)).toString();
        longName = type === 'L' ? text.replace(/\0.*$/s, '') : (findPaxPath(text) ?? longName);
      } else if (type !== 'g') {
        yield {
          name: longName ?? readName(header),
          isFile: type === '0' || type === '\0',
          sizeBytes,
          read: (most) => readContent(source, sizeBytes, most),
        };
        longName = undefined;
      }
      await source.skipTo(end);
    }
  } finally {
    await source.close();
  }
}

async function readContent(source: Source, sizeBytes: number, maxBytes: number): Promise<Buffer> {
  if (sizeBytes > maxBytes) throw new TarError(`a file has more than ${maxBytes} bytes`, true);
  const content = await source.take(sizeBytes);
  if (content === undefined && sizeBytes > 0) throw new TarError('the archive ends too early');
  return content ?? Buffer.alloc(0);
}

/** Bytes that come in chunks, taken in pieces of another size. */
class Source {
  position = 0;
  readonly #chunks: AsyncIterator<Uint8Array>;
  readonly #maxBytes: number;
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>, maxBytes: number) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#maxBytes = maxBytes;
  }

  /** A copy of the next `length` bytes; undefined at the end. */
  async take(length: number): Promise<Buffer | undefined> {
    const pieces: Uint8Array[] = [];
    for (let left = length; left > 0;) {
      const piece = await this.#next(left);
      if (piece === undefined) {
        if (pieces.length === 0) return undefined;
        throw new TarError('the archive ends too early');
      }
      pieces.push(Uint8Array.from(piece));
      left -= piece.byteLength;
    }
    return Buffer.concat(pieces, length);
  }

  async skipTo(position: number): Promise<void> {
    while (this.position < position) {
      const piece = await this.#next(position - this.position);
      if (piece === undefined) return; // the last entry may lack its padding
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** Up to `length` bytes, good until the next call. */
  async #next(length: number): Promise<Uint8Array | undefined> {
    while (this.#rest.byteLength === 0) {
      const { done, value } = await this.#chunks.next();
      if (done === true) return undefined;
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(piece.byteLength);
    this.position += piece.byteLength;
    if (this.position > this.#maxBytes) {
      throw new TarError(`the archive has more than ${this.#maxBytes} bytes`, true);
    }
    return piece;
  }
}

/** The sum of all bytes, those of the sum itself as blanks. */
function requireChecksum(header: Buffer): void {
  const wanted = readNumber(header, 148, 8);
  const sum = header.reduce(
    (all, byte, index) => all + (index >= 148 && index < 156 ? 32 : byte),
    0,
  );
  if (sum !== wanted) throw new TarError('this is no tar archive, or it is damaged');
}

/** Octal digits; GNU writes larger ones in binary, which nobody here wants to read. */
function readNumber(header: Buffer, start: number, length: number): number {
  const text = header
    .toString('latin1', start, start + length)
    .replace(/\0.*$/s, '')
    .trim();
  if (!/^[0-7]{1,12}$/.test(text)) throw new TarError('this is no tar archive, or it is damaged');
  return Number.parseInt(text, 8);
}

function readName(header: Buffer): string {
  const text = (start: number, length: number) =>
    header.toString('utf8', start, start + length).replace(/\0.*$/s, '');
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? text(345, 155) : '';
  return prefix === '' ? text(0, 100) : `${prefix}/${text(0, 100)}`;
}

/** pax: lines of `length key=value`, the length in decimal with itself. */
function findPaxPath(text: string): string | undefined {
  return /(?:^|\n)\d+ path=([^\n]*)\n/.exec(text)?.[1];
}
