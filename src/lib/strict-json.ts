import type { JsonLimits } from './strict-json-scan.ts';
import { findJsonTrick } from './strict-json-scan.ts';

export type { JsonLimits } from './strict-json-scan.ts';

/** The text is no JSON, or one that two readers could understand differently. */
export class StrictJsonError extends Error {
  /** Where in the decoded text, in UTF-16 units, as far as it is known. */
  readonly offset: number | undefined;

  constructor(message: string, offset?: number, options?: ErrorOptions) {
    super(offset === undefined ? message : `${message} at character ${offset}`, options);
    this.offset = offset;
  }
}

const LIMITS: JsonLimits = { maxDepth: 64, maxValues: 100_000, maxDistinctKeys: 10_000 };
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON in which every reader sees the same: valid UTF-8 without a byte order mark, no key twice in
 * an object (compared unescaped), no `__proto__`, no key with half a surrogate pair, and bounded in
 * depth, values and different keys. It takes linear time.
 */
export function parseStrictJson(bytes: Uint8Array, limits: Partial<JsonLimits> = {}): unknown {
  const text = decode(bytes);
  if (text.startsWith('\uFEFF')) throw new StrictJsonError('a byte order mark', 0);
  // Before JSON.parse, so that what is too large is never built.
  const trick = findJsonTrick(text, { ...LIMITS, ...limits });
  if (trick) throw new StrictJsonError(trick.message, trick.offset);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new StrictJsonError('not valid JSON', offsetOf(cause), { cause });
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new StrictJsonError('not valid UTF-8', undefined, { cause });
  }
}

/** V8 names the position in long texts only; short ones it quotes, which we don't. */
function offsetOf(error: unknown): number | undefined {
  const match = error instanceof Error ? /at position (\d+)/.exec(error.message) : null;
  return match ? Number(match[1]) : undefined;
}
