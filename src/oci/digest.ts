import { createHash } from 'node:crypto';
import { Refusal } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';

declare const digestBrand: unique symbol;

/** A digest in its one canonical spelling: `sha256:` and 64, or `sha512:` and 128, lower-case hex digits. */
export type Digest = string & { readonly [digestBrand]: true };

export type DigestAlgorithm = 'sha256' | 'sha512';

const HEX_LENGTH = { sha256: 64, sha512: 128 } as const;
const CANONICAL = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
const SHAPE = /^[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+$/; // image-spec §digests

/** How a digest stands in a `bytea` column: one byte for the algorithm, then the hash. */
const ALGORITHM_BYTE = { sha256: 1, sha512: 2 } as const;

export function findDigest(text: string): Digest | undefined {
  return CANONICAL.test(text) ? (text as Digest) : undefined;
}

export function parseDigest(text: string): Digest {
  const digest = findDigest(text);
  if (digest !== undefined) return digest;
  throw new Refusal('DIGEST_INVALID', `${quote(text)} is not a digest: ${whatIsWrong(text)}`);
}

export function parseDigestAlgorithm(text: string): DigestAlgorithm {
  if (text === 'sha256' || text === 'sha512') return text;
  throw new Refusal(
    'DIGEST_INVALID',
    `digest algorithm ${quote(text)} is not supported: use sha256 or sha512`,
  );
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.charCodeAt(3) === 0x32 ? 'sha256' : 'sha512'; // the 2 of sha256
}

/** The hex digits alone. */
function digestHex(digest: Digest): string {
  return digest.slice(7);
}

export function digestOf(
  bytes: Uint8Array | string,
  algorithm: DigestAlgorithm = 'sha256',
): Digest {
  return digestFromHash(algorithm, createHash(algorithm).update(bytes).digest());
}

/** For a hash that was computed while the bytes went by. */
export function digestFromHash(algorithm: DigestAlgorithm, hash: Buffer): Digest {
  return parseDigest(`${algorithm}:${hash.toString('hex')}`);
}

export function digestToBytes(digest: Digest): Buffer {
  const algorithm = digestAlgorithm(digest);
  const bytes = Buffer.allocUnsafe(algorithm === 'sha256' ? 33 : 65);
  bytes[0] = ALGORITHM_BYTE[algorithm];
  bytes.write(digestHex(digest), 1, 'hex');
  return bytes;
}

/** Bytes of any other shape did not come from `digestToBytes`: that is our fault, so no refusal. */
export function digestFromBytes(bytes: Uint8Array): Digest {
  const algorithm = algorithmOfBytes(bytes);
  if (!algorithm) throw new Error(`not the bytes of a digest: ${bytes.length} bytes`);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return digestFromHash(algorithm, buffer.subarray(1));
}

/** The tag under which a client without the referrers API lists what refers to `digest`.
 * OCI 1.1 §referrers-tag-schema: the encoded part is cut to 64 characters. */
export function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest).slice(0, 64)}`;
}

function algorithmOfBytes(bytes: Uint8Array): DigestAlgorithm | undefined {
  if (bytes[0] === ALGORITHM_BYTE.sha256 && bytes.length === 33) return 'sha256';
  if (bytes[0] === ALGORITHM_BYTE.sha512 && bytes.length === 65) return 'sha512';
  return undefined;
}

function whatIsWrong(text: string): string {
  if (!text.includes(':')) return 'it must read sha256:<hex> or sha512:<hex>';
  const algorithm = text.slice(0, text.indexOf(':'));
  const encoded = text.slice(algorithm.length + 1);
  if (!(algorithm === 'sha256' || algorithm === 'sha512')) {
    if (text.length <= 1024 && SHAPE.test(text)) {
      return `algorithm ${quote(algorithm)} is not supported, use sha256 or sha512`;
    }
    return 'it must read sha256:<hex> or sha512:<hex>';
  }
  const hexLength = HEX_LENGTH[algorithm];
  if (encoded.length !== hexLength) {
    return `${algorithm} has ${hexLength} hex digits, this has ${encoded.length}`;
  }
  if (/^[0-9a-fA-F]*$/.test(encoded)) return 'hex digits must be lower case';
  return `after ${algorithm}: only the digits 0-9 and a-f may follow`;
}
