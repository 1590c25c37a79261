import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A type of the facts table: a name of a schema, `integer:int64`, `X[]`, `map<X>`, or the members of an object. */
export type FactType = string | { object: Record<string, { type: FactType }> };

export interface FactOperation {
  method: string;
  path: string;
  operationId: string;
  tag: string;
  parameters: { name: string; in: string; type: string; required?: true }[];
  body?: FactType;
  /** By status, those of success only. */
  replies: Record<string, FactType | null>;
}

interface Facts {
  operations: FactOperation[];
  schemas: Record<string, Record<string, FactType>>;
}

/** What Harbor's API is, as far as a client can rely on it. */
export const FACTS = JSON.parse(
  readFileSync(join(import.meta.dirname, 'fixtures/harbor-api.json'), 'utf8'),
) as Facts;

export const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;

/** What a type consists of. */
export type Shape =
  | { is: 'scalar'; type: string }
  | { is: 'array'; of: FactType }
  | { is: 'map'; of: FactType }
  | { is: 'object'; members: Record<string, FactType> }
  | { is: 'anything' };

const SCALARS = new Set(['string', 'integer', 'number', 'boolean', 'file']);

export function shapeOf(type: FactType): Shape {
  if (typeof type !== 'string') {
    const members = Object.entries(type.object).map(([name, member]) => [name, member.type]);
    return { is: 'object', members: Object.fromEntries(members) as Record<string, FactType> };
  }
  if (type.endsWith('[]')) return { is: 'array', of: type.slice(0, -2) };
  const map = /^map<(.*)>$/.exec(type);
  if (map !== null) return { is: 'map', of: map[1]! };
  const [base] = type.split(':') as [string];
  if (SCALARS.has(base)) return { is: 'scalar', type: base };
  if (type === 'any' || type === 'object') return { is: 'anything' };
  const schema = FACTS.schemas[type];
  if (schema === undefined) throw new Error(`the facts have no schema ${type}`);
  const whole = schema['='];
  if (whole !== undefined) return shapeOf(whole);
  const { '*': _, ...members } = schema;
  return { is: 'object', members };
}
