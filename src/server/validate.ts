import { Compile } from 'typebox/compile';
import type { TSchema } from 'typebox';
import Value from 'typebox/value';

type Validation = { value: unknown } | { error: Error };

/** A part of a request that is not as its schema says. */
export class ValidationError extends Error {
  /** Whether it has the wrong type or stands in the path or query, where Harbor's code differs. */
  readonly isAgainstContract: boolean;

  constructor(message: string, isAgainstContract: boolean) {
    super(message);
    this.isAgainstContract = isAgainstContract;
  }
}

/**
 * Checks one part of a request against its schema. Defaults are filled in; texts of query and path become
 * numbers and booleans where those are wanted; body members that the schema does not know are dropped.
 */
export function compileValidator({
  schema,
  httpPart,
}: {
  schema: unknown;
  httpPart?: string | undefined;
}) {
  const type = schema as TSchema;
  const check = Compile(type);
  const isText = httpPart !== 'body';

  return (input: unknown): Validation => {
    const fault = isText ? undefined : findFault(input);
    if (fault !== undefined) return { error: new ValidationError(`body ${fault}`, false) };
    const filled = Value.Default(type, isText ? input : leaveNullsOut(type, input));
    const value = isText ? convertTexts(type, filled) : Value.Clean(type, filled);
    if (check.Check(value)) return { value };
    const [first] = check.Errors(value);
    const place = `${httpPart ?? 'request'}${first?.instancePath.replaceAll('/', '.') ?? ''}`;
    const message = `${place} ${first?.message ?? 'is not as described'}`;
    return { error: new ValidationError(message, isText || first?.keyword === 'type') };
  };
}

/** Checking takes time for each value of a body, and a call for each level. */
const MOST_VALUES = 25_000;
const MOST_LEVELS = 50;

/** What is wrong with a body whatever its schema. */
function findFault(body: unknown): string | undefined {
  const open = [{ value: body, level: 0 }];
  for (let count = 0; open.length > 0; count += 1) {
    const { value, level } = open.pop()!;
    if (count + open.length > MOST_VALUES) return `has more than ${MOST_VALUES} values`;
    if (level > MOST_LEVELS) return `is nested more than ${MOST_LEVELS} deep`;
    if (typeof value === 'string' && !value.isWellFormed()) return 'holds a character that is none';
    if (typeof value === 'object' && value !== null) {
      for (const member of Array.isArray(value) ? value : Object.entries(value).flat()) {
        open.push({ value: member, level: level + 1 });
      }
    }
  }
  return undefined;
}

interface BodySchema {
  type?: string;
  anyOf?: BodySchema[];
  default?: unknown;
  properties?: Record<string, BodySchema>;
  required?: string[];
  items?: BodySchema;
}

/** A null, for clients in Go and Python, is a member that is left out; unless the schema gives it a meaning. */
function leaveNullsOut(schema: BodySchema, input: unknown): unknown {
  const { properties, required = [], items } = schema;
  if (Array.isArray(input)) {
    return items === undefined ? input : input.map((item) => leaveNullsOut(items, item));
  }
  if (properties === undefined || typeof input !== 'object' || input === null) return input;
  const members = Object.entries(input).flatMap(([name, value]): [string, unknown][] => {
    const member = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (member === undefined) return [[name, value]];
    const isNeeded = required.includes(name) && member.default === undefined;
    if (value === null && !isNeeded && !takesNull(member)) return [];
    return [[name, leaveNullsOut(member, value)]];
  });
  return Object.fromEntries(members);
}

const takesNull = ({ type, anyOf = [] }: BodySchema): boolean =>
  type === 'null' || anyOf.some(takesNull);

/** Only what is written as a number or a boolean becomes one; TypeBox would take `0x10` and `1.9` for integers. */
function convertTexts(type: TSchema, input: unknown): unknown {
  const { properties = {} } = type as { properties?: Record<string, { type?: string }> };
  const entries = Object.entries((input ?? {}) as Record<string, unknown>);
  return Object.fromEntries(
    entries.map(([name, value]) => [
      name,
      typeof value === 'string' ? convertText(properties[name]?.type, value) : value,
    ]),
  );
}

function convertText(type: string | undefined, text: string): unknown {
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (type === 'boolean' && /^(true|false)$/.test(text)) return text === 'true';
  return text;
}
