import { Refusal } from './errors.ts';

/** What one `key=value` of `q` asks for. Values are texts; what they mean is up to the field. */
export type Condition = { key: string } & (
  | { is: 'equal'; value: string }
  /** In any case. */
  | { is: 'containing'; text: string }
  /** Closed; an end that is undefined is open. */
  | { is: 'between'; min: string | undefined; max: string | undefined }
  | { is: 'anyOf' | 'allOf'; values: string[] }
);

export interface SortKey {
  key: string;
  isDescending: boolean;
}

const MOST_CONDITIONS = 64;
const MOST_VALUES = 1000;

/**
 * Reads Harbor's `q`: pairs `key=value`, separated by commas, where a value is `v` (exactly; a leading
 * backslash makes the next character an ordinary one), `~v` (contains), `[min~max]`, `{a b}` (any of) or
 * `(a b)` (all of). As in Harbor the text may be escaped once more than queries are. Else 400.
 */
export function parseConditions(q: string | undefined): Condition[] {
  if (q === undefined || q === '') return [];
  const pairs = unescape(q).split(',');
  if (pairs.length > MOST_CONDITIONS) {
    throw malformed(`has more than ${MOST_CONDITIONS} conditions`);
  }
  return pairs.map((pair) => {
    const equals = pair.indexOf('=');
    const [key, value] = [pair.slice(0, Math.max(equals, 0)).trim(), pair.slice(equals + 1).trim()];
    if (key === '' || value === '') {
      throw malformed(`must be key=value, not ${JSON.stringify(pair)}`);
    }
    return { key: normalizeKey(key), ...parseValue(value) };
  });
}

/** Reads `sort`: `name,-creation_time`, where `-` is descending. */
export function parseSort(sort: string | undefined): SortKey[] {
  const keys = (sort ?? '').split(',').map((key) => key.trim());
  return keys.flatMap((key) => {
    const isDescending = key.startsWith('-');
    const name = normalizeKey(isDescending ? key.slice(1) : key);
    return name === '' ? [] : [{ key: name, isDescending }];
  });
}

/** Clients write `creation_time`, `CreationTime` and `creationTime` alike. */
const normalizeKey = (key: string): string => key.replaceAll('_', '').toLowerCase();

function parseValue(value: string) {
  const [first, last] = [value[0], value.at(-1)];
  if (first === '~') return { is: 'containing', text: requireText(value.slice(1)) } as const;
  if (first === '[') return parseRange(requireClosed(value, last === ']'));
  if (first === '{') {
    return { is: 'anyOf', values: parseItems(requireClosed(value, last === '}')) } as const;
  }
  if (first === '(') {
    return { is: 'allOf', values: parseItems(requireClosed(value, last === ')')) } as const;
  }
  return { is: 'equal', value: unquote(first === '\\' ? value.slice(1) : value) } as const;
}

function parseRange(inside: string) {
  const ends = inside.split('~').map((end) => unquote(end.trim()));
  const [min, max] = ends.map((end) => (end === '' ? undefined : end));
  if (ends.length !== 2 || (min === undefined && max === undefined)) {
    throw malformed('has a range that is not [min~max], [min~] or [~max]');
  }
  return { is: 'between', min, max } as const;
}

function parseItems(inside: string): string[] {
  const items = inside.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  if (items.length === 0 || items.length > MOST_VALUES) {
    throw malformed(`has a list that is empty or longer than ${MOST_VALUES}`);
  }
  return items.map(unquote);
}

function requireClosed(value: string, isClosed: boolean): string {
  if (value.length < 2 || !isClosed) throw malformed(`has no end of ${JSON.stringify(value)}`);
  return value.slice(1, -1);
}

function requireText(text: string): string {
  if (text === '') throw malformed('has ~ without a text');
  return text;
}

const unquote = (text: string): string => /^(["'])(.*)\1$/s.exec(text)?.[2] ?? text;

function unescape(q: string): string {
  try {
    return decodeURIComponent(q);
  } catch {
    return q;
  }
}

const malformed = (what: string) =>
  new Refusal('BAD_REQUEST', `bad request: the query parameter q ${what}`);
