import type { FastifyRequest } from 'fastify';

import type { Digest } from '../../oci/digest.ts';
import type { Reference } from '../../oci/reference.ts';
import type { Platform } from '../../platform/index.ts';
import { actorOf } from '../access/index.ts';
import { isLogged } from '../settings/index.ts';

type PullPlatform = Pick<Platform, 'config' | 'lookups' | 'recorder'>;

/** Writes down that a manifest is pulled, as `audit.pulls` says. Who only asks for it, by HEAD or a digest it has, pulls nothing. */
export async function recordPull(
  { config, lookups, recorder }: PullPlatform,
  request: FastifyRequest,
  { tag }: Reference,
  digest: Digest,
): Promise<void> {
  const { pulls } = config.audit;
  if (pulls === 'off' || !(await isLogged(lookups, 'pull_artifact'))) return;
  const { projectId, name: repository } = request.scope!;
  const pull = {
    type: 'artifact.pulled' as const,
    projectId,
    subject: tag === undefined ? { repository, digest } : { repository, tag },
    ...(tag === undefined ? {} : { after: { digest } }),
    ...actorOf(request),
  };
  if (pulls === 'strict') await recorder.write(pull);
  else recorder.record(pull);
}
