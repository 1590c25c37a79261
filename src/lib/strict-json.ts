import { findJsonTrick } from './strict-json-scan.ts';

export interface JsonLimits {
  /** How many objects and arrays may lie inside each other. */
  maxDepth?: number;
  /** How many values the whole document may have. */
  maxValues?: number;
}

/** The text is no JSON, or one that two readers could understand differently. */
export class StrictJsonError extends Error {
  /** Where in the decoded text, in UTF-16 units, as far as it is known. */
  readonly offset: number | undefined;

  constructor(message: string, offset?: number, options?: ErrorOptions) {
    super(offset === undefined ? message : `${message} at character ${offset}`, options);
    this.offset = offset;
  }
}

const MAX_DEPTH = 64;
const MAX_VALUES = 100_000;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON in which every reader sees the same: valid UTF-8 without a byte order mark, no key twice in
 * an object (compared unescaped), no `__proto__`, no key with half a surrogate pair, and bounded in
 * depth and number of values. It takes linear time.
 */
export function parseStrictJson(bytes: Uint8Array, limits: JsonLimits = {}): unknown {
  const text = decode(bytes);
  if (text.startsWith('\uFEFF')) throw new StrictJsonError('a byte order mark', 0);
  const { maxDepth = MAX_DEPTH, maxValues = MAX_VALUES } = limits;
  // Before JSON.parse, so that what is too large is never built.
  const trick = findJsonTrick(text, maxDepth, maxValues);
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
