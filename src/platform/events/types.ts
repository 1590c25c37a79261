/** Everything the feed tells of, `noun.what happened to it`. */
export type EventType =
  | 'artifact.pushed'
  | 'artifact.deleted'
  | 'tag.moved'
  | 'tag.deleted'
  | 'repository.deleted'
  | 'project.created'
  | 'project.updated'
  | 'project.deleted'
  | 'project.member_added'
  | 'project.member_changed'
  | 'project.member_removed'
  | `${'tag' | 'artifact' | 'repository' | 'project'}.${'restored' | 'purged'}`
  | `label.${'created' | 'updated' | 'deleted'}`
  | 'configuration.updated'
  | 'quota.updated'
  | 'quota.warning'
  | 'quota.exceeded'
  | `user_group.${'created' | 'updated' | 'deleted'}`
  | 'user.created'
  | 'user.updated'
  | 'user.deleted'
  | 'user.password_changed';
