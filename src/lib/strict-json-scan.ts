import { quote } from './quote.ts';

export interface JsonLimits {
  /** How many objects and arrays may lie inside each other. */
  maxDepth: number;
  /** How many values the whole document may have. */
  maxValues: number;
  /** How many different keys it may have, spellings with escapes counted apart. */
  maxDistinctKeys: number;
}

export interface JsonTrick {
  message: string;
  offset: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Walks once over a text that may be JSON and looks for what JSON.parse lets pass. It does not check
 * the grammar: of a text that is no JSON it may report nothing, and JSON.parse then refuses it.
 */
export function findJsonTrick(text: string, limits: JsonLimits): JsonTrick | undefined {
  const { maxDepth, maxValues } = limits;
  const checker = new KeyChecker(limits.maxDistinctKeys);
  const open: (Keys | undefined)[] = []; // of arrays, undefined
  let keys: Keys | undefined;
  let keyIsNext = false;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const end = endOfString(text, i);
        if (end < 0) return undefined;
        if (keyIsNext && keys) {
          const message = checker.check(text.slice(i, end + 1), keys);
          if (message) return { message, offset: i };
          keyIsNext = false;
        }
        i = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_ARRAY:
        keyIsNext = text.charCodeAt(i) === OPEN_OBJECT;
        keys = keyIsNext ? new Keys() : undefined;
        open.push(keys);
        values++;
        if (open.length > maxDepth) {
          return { message: `nested deeper than ${maxDepth} levels`, offset: i };
        }
        break;
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        open.pop();
        keys = open.at(-1);
        keyIsNext = false;
        break;
      case COMMA:
        keyIsNext = keys !== undefined;
        values++;
        break;
      default:
    }
    if (values > maxValues) return { message: `more than ${maxValues} values`, offset: i };
  }
  return undefined;
}

/** The position of the closing quote; below zero when there is none. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i;
    if (code === BACKSLASH) i++;
  }
  return -1;
}

/** The keys of one object. Most have a handful, for which a list is faster than a set. */
class Keys {
  private readonly few: string[] = [];
  private many: Set<string> | undefined;

  /** Whether the key is new. */
  add(key: string): boolean {
    if (this.many) return this.many.size !== this.many.add(key).size;
    if (this.few.includes(key)) return false;
    this.few.push(key);
    if (this.few.length > 8) this.many = new Set(this.few);
    return true;
  }
}

/** Each spelling of a key is looked at once. That there can't be many different ones bounds what
 * JSON.parse spends on the shapes of objects. */
class KeyChecker {
  private readonly keyOfSpelling = new Map<string, string>();
  private readonly maxDistinct: number;

  constructor(maxDistinct: number) {
    this.maxDistinct = maxDistinct;
  }

  /** What is wrong with the key, written `spelling`, in the object that has `keys` before it. */
  check(spelling: string, keys: Keys): string | undefined {
    let key = this.keyOfSpelling.get(spelling);
    if (key === undefined) {
      key = unescaped(spelling);
      if (key === undefined) return undefined;
      if (key === '__proto__') return 'the key "__proto__"';
      // Readers replace half a surrogate pair, so that two such keys become one.
      if (!key.isWellFormed()) return 'a key with half a surrogate pair';
      this.keyOfSpelling.set(spelling, key);
      if (this.keyOfSpelling.size > this.maxDistinct) {
        return `more than ${this.maxDistinct} different keys`;
      }
    }
    return keys.add(key) ? undefined : `the key ${quote(key)} twice in one object`;
  }
}

function unescaped(spelling: string): string | undefined {
  if (!spelling.includes('\\')) return spelling.slice(1, -1);
  try {
    return JSON.parse(spelling) as string;
  } catch {
    return undefined; // no JSON string: JSON.parse of the whole will say so
  }
}
