import { findRepositoryName } from '../../oci/reference.ts';
import type { Platform } from '../../platform/index.ts';
import { recordRefusal, type ActingRequest, type Caller } from '../access/index.ts';
import { ACTIONS, type Scope } from './scope.ts';

/** Writes down which actions somebody asked for, and did not get. All of them at once mean "whatever there is". */
export async function recordDenied(
  platform: Pick<Platform, 'lookups' | 'recorder'>,
  request: ActingRequest,
  wanted: Scope[],
  { grants = [] }: Caller,
): Promise<void> {
  for (const scope of wanted) {
    if (scope.type !== 'repository' || scope.actions.length === ACTIONS.length) continue;
    const { repository } = scope;
    const granted = grants.find((grant) => grant.repository === repository)?.actions ?? [];
    const project = findRepositoryName(repository);
    for (const action of scope.actions.filter((one) => !granted.includes(one))) {
      await recordRefusal(platform, request, {
        access: `repository:${action}`,
        code: 'DENIED',
        project: project && { name: project.project },
        repository: repository.slice(0, 255),
      });
    }
  }
}
