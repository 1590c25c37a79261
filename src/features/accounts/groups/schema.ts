import Type from 'typebox';
import Value from 'typebox/value';

import { HarborBody, Id, Reply } from '../../../platform/http/harbor-body.ts';
import { PageQuery } from '../../../platform/http/paging.ts';

export const LDAP_GROUP = 1;
export const OIDC_GROUP = 3;

/** No control characters: logs and history name groups by it. */
const GroupName = Type.String({
  minLength: 1,
  maxLength: 255,
  pattern: '^[^\\u0000-\\u001f\\u007f]+$',
});

export const isGroupName = (text: string): boolean => Value.Check(GroupName, text);

export const UserGroupCreation = HarborBody({
  group_name: GroupName,
  /** 1 LDAP, 2 HTTP, 3 OIDC */
  group_type: Type.Integer({ minimum: 1, maximum: 3 }),
  ldap_group_dn: Type.String({ maxLength: 1024, default: '' }),
  id: Type.Optional(Type.Integer()),
});

/** Only the name can be changed, as in Harbor. */
export const UserGroupChange = HarborBody({
  group_name: GroupName,
  group_type: Type.Optional(Type.Integer()),
  ldap_group_dn: Type.Optional(Type.String()),
  id: Type.Optional(Type.Integer()),
});

export const UserGroupParams = Type.Object({ group_id: Id });

export const UserGroupList = Type.Object({
  ...PageQuery.properties,
  group_name: Type.Optional(Type.String()),
  ldap_group_dn: Type.Optional(Type.String()),
});

export const UserGroupSearch = Type.Object({
  ...PageQuery.properties,
  groupname: Type.String({ minLength: 1 }),
});

export const UserGroupReply = Reply({
  id: Type.Integer(),
  group_name: Type.String(),
  group_type: Type.Integer(),
  ldap_group_dn: Type.String(),
});

export const UserGroupNameReply = Reply({
  id: Type.Integer(),
  group_name: Type.String(),
  group_type: Type.Integer(),
});
