import Type, { type Static } from 'typebox';

import { HarborBody, Id, Reply } from '../../platform/http/harbor-body.ts';
import { ListQuery, PageQuery } from '../../platform/http/paging.ts';

/** Harbor bars `,"~#%$`; with a colon in the name nobody could sign in. More in `user-name.ts`. */
const USERNAME = '^[^,"~#%$:]+$';
const REALNAME = '^[^,"~#%$\\u0000-\\u001f\\u007f]+$';

export const UserCreation = HarborBody({
  username: Type.String({ minLength: 1, maxLength: 255, pattern: USERNAME }),
  email: Type.String({ minLength: 3, maxLength: 255, pattern: '^[^@\\s]+@[^@\\s]+$' }),
  realname: Type.String({ minLength: 1, maxLength: 255, pattern: REALNAME }),
  password: Type.String({ minLength: 1, maxLength: 1024 }),
  comment: Type.String({ maxLength: 30, default: '' }),
});
export type UserCreation = Static<typeof UserCreation>;

export const PasswordChange = HarborBody({
  old_password: Type.Optional(Type.String({ maxLength: 1024 })),
  new_password: Type.String({ minLength: 1, maxLength: 1024 }),
});

export const SysadminChange = HarborBody({
  /** Clients written in Go leave a false out. */
  sysadmin_flag: Type.Boolean({ default: false }),
});

export const UserParams = Type.Object({ user_id: Id });

const Profile = {
  email: UserCreation.properties.email,
  realname: UserCreation.properties.realname,
  comment: UserCreation.properties.comment,
};
export const UserProfile = HarborBody(Profile);
export type UserProfile = Static<typeof UserProfile>;

export const CliSecret = HarborBody({ secret: Type.Optional(Type.String({ maxLength: 1024 })) });

export const UserList = Type.Object({
  ...ListQuery.properties,
  /** Parts of these, as Harbor's portal asks. */
  username: Type.Optional(Type.String()),
  email: Type.Optional(Type.String()),
});
export const UserSearch = Type.Object({
  ...PageQuery.properties,
  username: Type.String({ minLength: 1 }),
});

export const UserReply = Reply({
  user_id: Type.Integer(),
  username: Type.String(),
  email: Type.String(),
  realname: Type.String(),
  comment: Type.String(),
  sysadmin_flag: Type.Boolean(),
  admin_role_in_auth: Type.Boolean(),
  /** For those who come by OpenID Connect; never filled yet. */
  oidc_user_meta: Reply({
    id: Type.Integer(),
    user_id: Type.Integer(),
    subiss: Type.String(),
    secret: Type.String(),
    creation_time: Type.String({ format: 'date-time' }),
    update_time: Type.String({ format: 'date-time' }),
  }),
  creation_time: Type.String({ format: 'date-time' }),
  update_time: Type.String({ format: 'date-time' }),
});
export const UserNameReply = Reply({ user_id: Type.Integer(), username: Type.String() });
