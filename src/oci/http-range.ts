import { Refusal } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import type { Digest } from './digest.ts';

/** Positions of bytes, both inclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

export type RangeAnswer =
  | { kind: 'whole' }
  | { kind: 'ranges'; ranges: ByteRange[] }
  | { kind: 'unsatisfiable' };

/** podman asks for up to 1024 chunks of a zstd:chunked layer in one request, and takes the whole
 * layer when we refuse. As overlaps are merged, no number of ranges yields more than the blob. */
const MAX_RANGES = 1024;

const WHOLE: RangeAnswer = { kind: 'whole' };
const UNSATISFIABLE: RangeAnswer = { kind: 'unsatisfiable' };
const RANGE_SPEC = /^(\d*)-(\d*)$/;
const CONTENT_RANGE = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/i;

/** What a GET with this Range header gets. RFC 9110 §14.2 lets us ignore what we don't understand
 * and what asks too much; the OCI conformance suite wants 416 when the last byte is before the first. */
export function parseRange(header: string | undefined, sizeBytes: number): RangeAnswer {
  if (header === undefined || !/^bytes=/i.test(header)) return WHOLE;
  if (sizeBytes === 0) return WHOLE; // as Go does: some clients send a range always
  const specs = header
    .slice(6)
    .split(',', 2 * MAX_RANGES)
    .map((spec) => spec.trim());
  const asked = specs.filter((spec) => spec !== '');
  if (asked.length === 0 || asked.length > MAX_RANGES) return WHOLE;

  const ranges: ByteRange[] = [];
  for (const spec of asked) {
    const range = parseSpec(spec, sizeBytes);
    if (range === 'malformed') return WHOLE;
    if (range === 'backwards') return UNSATISFIABLE;
    if (range) ranges.push(range);
  }
  return ranges.length === 0 ? UNSATISFIABLE : { kind: 'ranges', ranges: withoutOverlaps(ranges) };
}

/** The place of a chunk in an upload: `0-9` as OCI has it, and `bytes 0-9/*` as HTTP has it. */
export function parseContentRange(header: string | undefined): ByteRange | undefined {
  if (header === undefined || header === '') return undefined;
  const match = CONTENT_RANGE.exec(header);
  if (!match) {
    throw new Refusal(
      'BLOB_UPLOAD_INVALID',
      `Content-Range ${quote(header)} must read <first byte>-<last byte>`,
    );
  }
  const start = Number(match[1]);
  const end = Number(match[2]);
  if (start > end || !Number.isSafeInteger(end)) {
    throw new Refusal('BLOB_UPLOAD_INVALID', `Content-Range ${quote(header)} is no range of bytes`);
  }
  return { start, end };
}

/** Whether If-None-Match names this content. Weak tags count, as RFC 9110 §13.1.2 says, and so does
 * the bare digest that some clients send. */
export function matchesEtag(ifNoneMatch: string | undefined, digest: Digest): boolean {
  if (ifNoneMatch === undefined || !(ifNoneMatch.includes(digest) || ifNoneMatch.includes('*'))) {
    return false;
  }
  return ifNoneMatch.split(',').some((listed) => {
    const tag = listed.trim();
    return tag === '*' || tag === digest || tag === `"${digest}"` || tag === `W/"${digest}"`;
  });
}

function parseSpec(
  spec: string,
  sizeBytes: number,
): ByteRange | 'malformed' | 'backwards' | undefined {
  const match = RANGE_SPEC.exec(spec);
  if (!match || spec === '-') return 'malformed';
  const [, first, last] = match;
  const end = sizeBytes - 1;
  if (first === '') {
    const suffixBytes = Number(last);
    return suffixBytes === 0 ? undefined : { start: Math.max(0, sizeBytes - suffixBytes), end };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'backwards';
  if (start > end) return undefined;
  return { start, end: last === '' ? end : Math.min(end, Number(last)) };
}

/** In the order asked, which clients rely on; only when some overlap are they merged, in order of
 * position. Neighbours stay apart: podman counts the parts. */
function withoutOverlaps(ranges: ByteRange[]): ByteRange[] {
  const sorted = ranges.toSorted((a, b) => a.start - b.start);
  const merged: ByteRange[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before && range.start <= before.end) before.end = Math.max(before.end, range.end);
    else merged.push({ ...range });
  }
  return merged.length === ranges.length ? ranges : merged;
}
