import Type from 'typebox';

import { HarborBody, Id, Reply } from '../../platform/http/harbor-body.ts';
import { ListQuery, PageQuery } from '../../platform/http/paging.ts';

/** As Harbor: 1024 TiB. */
export const MOST_BYTES = 2 ** 50;

/** Bytes by the name of the resource; `storage` is the only one. A limit of -1 is none. */
const Resources = Type.Record(Type.String(), Type.Integer());

export const QuotaParams = Type.Object({ id: Id });
export const QuotaList = Type.Object({
  ...PageQuery.properties,
  sort: ListQuery.properties.sort,
  reference: Type.Optional(Type.String()),
  reference_id: Type.Optional(Type.String()),
});

export const QuotaChange = HarborBody({ hard: Type.Optional(Resources) });

export const QuotaReply = Reply({
  id: Type.Integer({ description: "The project's id." }),
  ref: Type.Object({ id: Type.Integer(), name: Type.String(), owner_name: Type.String() }),
  hard: Resources,
  used: Resources,
  trash: Type.Record(Type.String(), Type.Integer(), {
    description:
      'The part of `used` that comes back when the trash of the project is emptied. Not in lists.',
  }),
  creation_time: Type.String({ format: 'date-time' }),
  update_time: Type.String({ format: 'date-time' }),
});
