import { Refusal } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';

/** Reads the members of a manifest; what has another shape is refused with its place. */

export type Members<Name extends string> = Partial<Record<Name, unknown>>;

/**
 * An object whose keys mean one thing to every reader: Go's JSON takes `Layers` for `layers`, so a
 * key that differs from one of `names` in letter case alone is refused.
 */
export function readObject<Name extends string>(
  value: unknown,
  where: string,
  names: readonly Name[],
): Members<Name> {
  if (!isObject(value)) throw invalid(`${where} must be an object`);
  const known: readonly string[] = names;
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    const name = lookAlike(key, known);
    if (name) throw invalid(`${where}: the key ${quote(key)} must be written ${name}`);
  }
  return value as Members<Name>;
}

/** An optional member: `null` is what Go's JSON writes for one that is not there. */
export function readMember(value: unknown, read: (value: unknown) => void): void {
  if (value !== undefined && value !== null) read(value);
}

/** `null`, too, is an empty list: Go's JSON writes it so. */
export function readArray(value: unknown, where: string): unknown[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value;
  throw invalid(`${where} must be a list`);
}

/** A text that PostgreSQL can keep as well: without NUL and half surrogate pairs. */
export function readText(value: unknown, where: string): string {
  if (typeof value !== 'string') throw invalid(`${where} must be a string`);
  if (!isStorable(value)) throw invalid(`${where} holds a character that cannot be kept`);
  return value;
}

export function readTexts(value: unknown, where: string): string[] {
  return readArray(value, where).map((item, index) => readText(item, `${where}[${index}]`));
}

export function readTextMap(value: unknown, where: string): Record<string, string> {
  if (!isObject(value)) throw invalid(`${where} must be an object`);
  for (const [key, item] of Object.entries(value)) {
    if (!isStorable(key)) throw invalid(`${where}: the key ${quote(key)} cannot be kept`);
    readText(item, `${where}[${quote(key)}]`);
  }
  return value as Record<string, string>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** Go folds two more characters than ASCII has: the long s and the Kelvin sign. */
function lookAlike(key: string, names: readonly string[]): string | undefined {
  const sameLength = names.filter((name) => name.length === key.length);
  return sameLength.find((name) => fold(name) === fold(key));
}

function fold(key: string): string {
  return key.replaceAll('\u017f', 's').replaceAll('\u212a', 'k').toLowerCase();
}

function invalid(message: string): Refusal {
  return new Refusal('MANIFEST_INVALID', message);
}
