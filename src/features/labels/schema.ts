import Type, { type Static } from 'typebox';

import { HarborBody, Id, Reply } from '../../platform/http/harbor-body.ts';
import { ListQuery } from '../../platform/http/paging.ts';

export const LabelParams = Type.Object({ label_id: Id });

/** 0 is none: clients written in Go send it. */
const ProjectId = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }));

export const LabelList = Type.Object({
  ...ListQuery.properties,
  name: Type.Optional(Type.String({ maxLength: 128, description: 'Part of the name.' })),
  scope: Type.Optional(Type.String({ description: 'g: of the registry; p: of a project.' })),
  project_id: ProjectId,
});

const Changeable = {
  name: Type.String({ minLength: 1, maxLength: 128 }),
  description: Type.String({ maxLength: 4096, default: '' }),
  color: Type.String({
    pattern: '^(#[0-9a-fA-F]{3,8}|[a-zA-Z]{1,16})?$',
    default: '',
    description: 'As in CSS: `#0065ab`.',
  }),
};
/** Members that only the registry sets; clients send back what they have read. */
const Ignored = {
  id: Type.Optional(Type.Unknown()),
  creation_time: Type.Optional(Type.Unknown()),
  update_time: Type.Optional(Type.Unknown()),
};

export const LabelCreation = HarborBody({
  ...Ignored,
  ...Changeable,
  scope: Type.Enum(['g', 'p']),
  project_id: ProjectId,
});

export const LabelChange = HarborBody({
  ...Ignored,
  ...Changeable,
  scope: Type.Optional(Type.Unknown()),
  project_id: Type.Optional(Type.Unknown()),
});
export type LabelText = Pick<Static<typeof LabelChange>, 'name' | 'description' | 'color'>;

export const LabelReply = Reply({
  id: Type.Integer(),
  name: Type.String(),
  description: Type.String(),
  color: Type.String(),
  scope: Type.Enum(['g', 'p']),
  project_id: Type.Integer(),
  creation_time: Type.String({ format: 'date-time' }),
  update_time: Type.String({ format: 'date-time' }),
});
