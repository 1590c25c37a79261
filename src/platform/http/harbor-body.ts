import Type, { type TProperties } from 'typebox';

/** A request body of Harbor's API: members it does not know are dropped, since its clients send such. */
export const HarborBody = <T extends TProperties>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });

/** A reply body of Harbor's API, where empty members are left out. */
export const Reply = <T extends TProperties>(properties: T) =>
  Type.Partial(Type.Object(properties));

/** Harbor's reply to what made or changed something: no body, which is `undefined`; null is a body. */
export const NoBody = Type.Unsafe<undefined>(Type.Null());

/** An id of any row. */
export const Id = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });

/** RFC 3339 in UTC with milliseconds; what never was has Harbor's time zero. */
export const timestamp = (date: Date | null): string =>
  date?.toISOString() ?? '0001-01-01T00:00:00.000Z';
