import Type, { type Static } from 'typebox';
import Value from 'typebox/value';

import { HarborBody, Id, Reply } from '../../platform/http/harbor-body.ts';
import { ListQuery, PageQuery } from '../../platform/http/paging.ts';

/** Metadata values are strings in Harbor's API. */
const Metadata = Type.Object(
  {
    public: Type.Optional(Type.Enum(['true', 'false'])),
    trash_days: Type.Optional(Type.String({ pattern: '^(default|0|[1-9][0-9]{0,3})$' })),
  },
  { additionalProperties: false },
);

export type Metadata = Static<typeof Metadata>;

const ProjectName = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[a-z0-9]+(?:[._-][a-z0-9]+)*$',
});

export const isProjectName = (text: string): boolean => Value.Check(ProjectName, text);

export const ProjectCreation = HarborBody({
  project_name: ProjectName,
  public: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  metadata: Type.Optional(Metadata),
});

export const ProjectChange = HarborBody({ metadata: Type.Optional(Metadata) });

export const ProjectParams = Type.Object({ project_name_or_id: Type.String({ minLength: 1 }) });
export const ProjectDeletion = Type.Object({
  with_repositories: Type.Boolean({ default: false }),
});
export const ProjectHead = Type.Object({ project_name: Type.String() });
export const ProjectList = Type.Object({
  ...ListQuery.properties,
  name: Type.Optional(Type.String()),
  public: Type.Optional(Type.Boolean()),
});

export const ProjectReply = Reply({
  project_id: Type.Integer(),
  owner_id: Type.Integer(),
  name: Type.String(),
  owner_name: Type.String(),
  creation_time: Type.String({ format: 'date-time' }),
  update_time: Type.String({ format: 'date-time' }),
  current_user_role_id: Type.Integer(),
  current_user_role_ids: Type.Union([Type.Array(Type.Integer()), Type.Null()]),
  repo_count: Type.Integer(),
  metadata: Type.Object({ public: Type.String(), trash_days: Type.Optional(Type.String()) }),
});

const RoleId = Type.Integer({ minimum: 1, maximum: 5 }); // else 400, as all rules about bodies

/** Clients written in Go send 0, and an empty text, for what they leave out. */
const IdOrNone = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const MemberCreation = HarborBody({
  role_id: RoleId,
  member_user: Type.Optional(
    HarborBody({
      user_id: Type.Optional(IdOrNone),
      username: Type.Optional(Type.String({ maxLength: 255 })),
    }),
  ),
  member_group: Type.Optional(
    HarborBody({
      id: Type.Optional(IdOrNone),
      group_name: Type.Optional(Type.String({ maxLength: 255 })),
      group_type: Type.Optional(Type.Integer({ minimum: 0, maximum: 3 })),
      ldap_group_dn: Type.Optional(Type.String({ maxLength: 1024 })),
    }),
  ),
});
export type MemberCreation = Static<typeof MemberCreation>;
export const MemberChange = HarborBody({ role_id: RoleId });
export const MemberParams = Type.Object({
  ...ProjectParams.properties,
  mid: Id,
});
export const MemberList = Type.Object({
  ...PageQuery.properties,
  entityname: Type.Optional(Type.String()),
});
export const MemberReply = Reply({
  id: Type.Integer(),
  project_id: Type.Integer(),
  entity_id: Type.Integer(),
  entity_name: Type.String(),
  entity_type: Type.String(),
  role_id: Type.Integer(),
  role_name: Type.String(),
});
