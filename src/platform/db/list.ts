import { sql, type RawBuilder } from 'kysely';

import { Refusal } from '../../lib/errors.ts';
import type { Condition, SortKey } from '../../lib/list-query.ts';

type SqlCondition = RawBuilder<boolean>;

/** A column that a list can be filtered and sorted by. */
export interface ListColumn {
  column: RawBuilder<unknown>;
  type: 'text' | 'integer' | 'boolean' | 'time';
  /** It is never null, so an index can be read backwards for it. */
  isFull?: true;
}

/**
 * What a list can be filtered and sorted by, by the names of the fields without `_`: a column, or for a filter
 * with rules of its own what it makes of a condition.
 */
export type ListFields = Record<string, ListColumn | ((condition: Condition) => SqlCondition)>;

export const textColumn = (column: string): ListColumn => ({
  column: sql.ref(column),
  type: 'text',
});
export const integerColumn = (column: string): ListColumn => ({
  column: sql.ref(column),
  type: 'integer',
});
export const booleanColumn = (column: string): ListColumn => ({
  column: sql.ref(column),
  type: 'boolean',
});
export const timeColumn = (column: string): ListColumn => ({
  column: sql.ref(column),
  type: 'time',
});

/** True for the rows that meet all conditions. As in Harbor, fields nobody knows are passed over. */
export function meets(fields: ListFields, conditions: Condition[]): RawBuilder<boolean> {
  const all = conditions.flatMap((condition) => {
    const field = Object.hasOwn(fields, condition.key) ? fields[condition.key] : undefined;
    if (field === undefined) return [];
    return [typeof field === 'function' ? field(condition) : meetsColumn(field, condition)];
  });
  return all.length === 0 ? sql`true` : sql`(${sql.join(all, sql` and `)})`;
}

/** What stands behind `order by`: the keys asked for that are columns, then `last`, which makes it total. */
export function orderBy(
  fields: ListFields,
  sort: SortKey[],
  last: RawBuilder<unknown>,
): RawBuilder<unknown> {
  const keys = sort.flatMap(({ key, isDescending }) => {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (field === undefined || typeof field === 'function') return [];
    if (!isDescending) return [field.column];
    return [
      field.isFull === true ? sql`${field.column} desc` : sql`${field.column} desc nulls last`,
    ];
  });
  return sql.join([...keys, last]);
}

/** True where the text has this part, in any case. Written so that an index of trigrams can serve it. */
export const contains = (column: RawBuilder<unknown>, part: string): RawBuilder<boolean> =>
  sql`${column} ilike ${`%${part.replaceAll(/[\\%_]/g, '\\$&')}%`}`;

/** True where the column meets the condition. */
export function meetsColumn(
  { column, type }: ListColumn,
  condition: Condition,
): RawBuilder<boolean> {
  const read = (value: string) => readValue(type, condition.key, value);
  switch (condition.is) {
    case 'equal':
      return sql`${column} = ${read(condition.value)}`;
    case 'containing':
      return contains(sql`${column}::text`, condition.text);
    case 'between': {
      const ends: SqlCondition[] = [];
      if (condition.min !== undefined) ends.push(sql`${column} >= ${read(condition.min)}`);
      if (condition.max !== undefined) ends.push(sql`${column} <= ${read(condition.max)}`);
      return sql`(${sql.join(ends, sql` and `)})`;
    }
    case 'anyOf':
      return sql`${column} in (${sql.join(condition.values.map(read))})`;
    case 'allOf':
      return sql`(${sql.join(
        condition.values.map((value) => sql`${column} = ${read(value)}`),
        sql` and `,
      )})`;
  }
}

const SQL_TYPES = { text: 'text', integer: 'bigint', boolean: 'boolean', time: 'timestamptz' };

function readValue(type: ListColumn['type'], key: string, value: string): RawBuilder<unknown> {
  if (!isOfType(type, value)) {
    throw new Refusal(
      'BAD_REQUEST',
      `bad request: the query parameter q wants ${WANTED[type]} for ${key}, not ${JSON.stringify(value)}`,
    );
  }
  return sql`${type === 'time' ? toTime(value) : value}::${sql.raw(SQL_TYPES[type])}`;
}

const WANTED = {
  text: 'a text',
  integer: 'a whole number',
  boolean: 'true or false',
  time: 'a time such as 2026-01-31T12:00:00',
};

function isOfType(type: ListColumn['type'], value: string): boolean {
  switch (type) {
    case 'text':
      return true;
    case 'integer':
      return /^-?\d{1,18}$/.test(value);
    case 'boolean':
      return /^(true|false|0|1)$/i.test(value);
    case 'time':
      return toTime(value) !== undefined;
  }
}

const TIME = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)(Z|[+-]\d\d:\d\d)?)?$/;

/** In UTC where it names no zone. Undefined for a day that is none: `Date.parse` takes the 30th of February. */
function toTime(value: string): string | undefined {
  const [, day, time = '00:00:00', zone = 'Z'] = TIME.exec(value) ?? [];
  if (day === undefined || day < '0001' || !isDay(day)) return undefined;
  const text = `${day}T${time}${zone}`;
  return Number.isNaN(Date.parse(text)) || !ZONE.test(zone) ? undefined : text;
}

/** PostgreSQL's furthest. */
const ZONE = /^(?:Z|[+-](?:0\d|1[0-5]):[0-5]\d)$/;

function isDay(day: string): boolean {
  const time = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day);
}
