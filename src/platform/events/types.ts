/** Everything the feed tells of, `noun.what happened to it`, and what the audit log calls it: what was done, and to
 * what sort of thing. */
export const OPERATIONS = {
  'artifact.pushed': 'create artifact',
  'artifact.pulled': 'pull artifact',
  'artifact.deleted': 'delete artifact',
  'artifact.restored': 'create artifact',
  'artifact.purged': 'delete artifact',
  'tag.moved': 'update tag', // or create
  'tag.deleted': 'delete tag',
  'tag.restored': 'create tag',
  'tag.purged': 'delete tag',
  'repository.updated': 'update repository',
  'repository.deleted': 'delete repository',
  'repository.restored': 'create repository',
  'repository.purged': 'delete repository',
  'project.created': 'create project',
  'project.updated': 'update project',
  'project.deleted': 'delete project',
  'project.restored': 'create project',
  'project.purged': 'delete project',
  'project.member_added': 'create member',
  'project.member_changed': 'update member',
  'project.member_removed': 'delete member',
  'label.created': 'create label',
  'label.updated': 'update label',
  'label.deleted': 'delete label',
  'configuration.updated': 'update configuration',
  'quota.updated': 'update quota',
  'quota.warning': 'warn quota',
  'quota.exceeded': 'refuse quota',
  'user_group.created': 'create user_group',
  'user_group.updated': 'update user_group',
  'user_group.deleted': 'delete user_group',
  'user.created': 'create user',
  'user.updated': 'update user',
  'user.deleted': 'delete user',
  'user.password_changed': 'update user',
  'user.signed_in': 'login user',
  'user.signed_out': 'logout user',
  'access.refused': 'refuse access', // or what was tried
} as const;

export type EventType = keyof typeof OPERATIONS;
