import type { RefusalCode } from '../../lib/errors.ts';
import type { Platform } from '../../platform/index.ts';
import { ANONYMOUS, callerName } from './caller.ts';
import { actorOf, type ActingRequest } from './request.ts';
import { findStanding } from './store.ts';

export interface RefusedAccess {
  /** The permission that is missing. */
  access: string;
  code: RefusalCode;
  project?: { name: string } | { id: number } | undefined;
  /** The whole name of a repository in the project. */
  repository?: string | undefined;
}

/** No project has a longer one; what somebody makes up fills no log. */
const LONGEST_NAME = 255;

/** Writes down, for the audit log, that somebody who has signed in asked for what they may not do. */
export async function recordRefusal(
  { lookups, recorder }: Pick<Platform, 'lookups' | 'recorder'>,
  request: ActingRequest,
  { access, code, project, repository }: RefusedAccess,
): Promise<void> {
  if (callerName(request.caller) === callerName(ANONYMOUS)) return;
  const standing = project && (await findStanding(lookups, project, ANONYMOUS));
  const [resource_type, operation] = access.split(':');
  recorder.record({
    type: 'access.refused',
    projectId: standing?.id,
    subject: nameSubject(repository, standing ?? project),
    after: { operation, resource_type },
    result: code,
    ...actorOf(request),
  });
}

function nameSubject(
  repository: string | undefined,
  project: { name: string } | { id: number } | undefined,
): Record<string, string> {
  if (repository !== undefined) return { repository };
  if (project === undefined) return {};
  const name = 'name' in project ? project.name : String(project.id);
  return { project: name.slice(0, LONGEST_NAME) };
}
