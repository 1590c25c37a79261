import { shapeOf, type FactOperation, type FactType } from './facts.ts';

/** A schema of an OpenAPI 3.1 document, as far as it is compared. */
export interface Schema {
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: Schema | boolean;
  patternProperties?: Record<string, Schema>;
  anyOf?: Schema[];
  enum?: unknown[];
}

interface Content {
  content?: Record<string, { schema?: Schema }>;
}

export interface Operation {
  operationId?: string;
  tags?: string[];
  parameters?: { name: string; in: string; required?: boolean; schema?: Schema }[];
  requestBody?: Content;
  responses?: Record<string, Content>;
}

/** How our operation falls short of Harbor's, a line each, such as `reply.metadata.severity is missing`. */
export function compareOperation(fact: FactOperation, ours: Operation): string[] {
  const faults: string[] = [];
  if (ours.operationId !== fact.operationId) faults.push(`operationId is ${ours.operationId}`);
  if (!ours.tags?.includes(fact.tag)) faults.push(`tags are ${ours.tags?.join(',') ?? 'none'}`);
  faults.push(...compareParameters(fact, ours));
  if (fact.body !== undefined) {
    faults.push(...compareType('body', fact.body, schemaOf(ours.requestBody), true));
  }
  for (const [status, type] of Object.entries(fact.replies)) {
    const reply = ours.responses?.[status];
    if (reply === undefined) faults.push(`status ${status} is missing`);
    else if (type !== null) faults.push(...compareType('reply', type, schemaOf(reply), false));
  }
  return faults;
}

/** Clients may leave out whatever Harbor does not need. */
function compareParameters(fact: FactOperation, ours: Operation): string[] {
  const faults: string[] = [];
  for (const wanted of fact.parameters) {
    const found = ours.parameters?.find(
      ({ name, in: place }) =>
        place === wanted.in && name.toLowerCase() === wanted.name.toLowerCase(),
    );
    const name = `${wanted.in}.${wanted.name}`;
    if (found === undefined) faults.push(`${name} is missing`);
    else faults.push(...compareType(name, wanted.type, found.schema, true));
  }
  const mayBeRequired = new Set(
    fact.parameters
      .filter(({ required, in: place }) => required === true || place === 'path')
      .map(({ name }) => name),
  );
  for (const { name, in: place, required } of ours.parameters ?? []) {
    if (required === true && !mayBeRequired.has(name)) faults.push(`${place}.${name} is required`);
  }
  return faults;
}

function compareType(
  path: string,
  fact: FactType,
  schema: Schema | undefined,
  isRequest: boolean,
): string[] {
  if (schema === undefined) return [`${path} is missing`];
  const shape = shapeOf(fact);
  if (shape.is === 'anything' || isAnything(schema)) return [];
  const ours = variants(schema);
  const wanted = shape.is === 'map' ? 'object' : shape.is === 'scalar' ? shape.type : shape.is;
  const fitting = ours.filter(({ type }) => fits(type, wanted));
  if (fitting.length === 0) {
    return [`${path} is ${ours.map(({ type }) => String(type)).join(' or ')}, not ${wanted}`];
  }
  const [best] = fitting as [Schema];
  if (shape.is === 'array') return compareType(`${path}[]`, shape.of, best.items, isRequest);
  if (shape.is === 'map') return compareMap(path, shape.of, best, isRequest);
  if (shape.is === 'scalar') return [];
  return Object.entries(shape.members).flatMap(([name, type]) =>
    compareType(`${path}.${name}`, type, best.properties?.[name], isRequest),
  );
}

/** Where Harbor has free keys, we may name all there can be. */
function compareMap(path: string, of: FactType, ours: Schema, isRequest: boolean): string[] {
  const values = [
    ...Object.values(ours.properties ?? {}),
    ...Object.values(ours.patternProperties ?? {}),
    ...(typeof ours.additionalProperties === 'object' ? [ours.additionalProperties] : []),
  ];
  return values.flatMap((value) => compareType(`${path}.*`, of, value, isRequest));
}

const isAnything = ({ type, anyOf, enum: values }: Schema) =>
  type === undefined && anyOf === undefined && values === undefined;

const variants = (schema: Schema): Schema[] =>
  schema.anyOf === undefined ? [schema] : schema.anyOf.flatMap(variants);

function fits(type: Schema['type'], wanted: string): boolean {
  const types = type === undefined ? ['string'] : [type].flat(); // an enum of texts has no type
  if (wanted === 'file') return types.includes('string');
  return types.includes(wanted) || (wanted === 'number' && types.includes('integer'));
}

function schemaOf({ content = {} }: Content = {}): Schema | undefined {
  return Object.values(content)[0]?.schema;
}
