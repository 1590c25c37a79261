import type { AuditRow } from './store.ts';

const OPERATIONS: Record<string, string> = {
  pushed: 'create',
  created: 'create',
  restored: 'create',
  member_added: 'create',
  updated: 'update',
  password_changed: 'update',
  member_changed: 'update',
  deleted: 'delete',
  purged: 'delete',
  member_removed: 'delete',
  warning: 'warn',
  exceeded: 'refuse',
};

/** How Harbor's audit log calls what an event tells of. */
export function describeOperation({ type, before }: Pick<AuditRow, 'type' | 'before'>): {
  operation: string;
  resource_type: string;
} {
  const [noun, verb] = type.split('.') as [string, string];
  if (type === 'tag.moved') {
    const isNew = typeof before?.digest !== 'string';
    return { operation: isNew ? 'create' : 'update', resource_type: 'tag' };
  }
  const resource_type = verb.startsWith('member_') ? 'member' : noun;
  return { operation: OPERATIONS[verb]!, resource_type };
}

/** What it was done to: `proj/repo:tag`, `proj/repo@digest`, `proj/user` of a member, `proj/label`, or the one name there is. */
export function describeResource({ subject }: Pick<AuditRow, 'subject'>): string {
  const { repository, tag, digest, project, user, user_group, label, configuration } = subject;
  if (tag !== undefined) return `${repository}:${tag}`;
  if (digest !== undefined) return `${repository}@${digest}`;
  const names = [project, user, user_group, label, configuration];
  return repository ?? names.filter((name) => name !== undefined).join('/');
}
