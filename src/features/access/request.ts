import type { FastifyRequest } from 'fastify';

import { callerName, type Caller } from './caller.ts';
import type { RepositoryKey } from './decide.ts';
import type { ProjectStanding } from './store.ts';

/** Who asks and with what, for rows and events that say who did it. */
export function actorOf({ caller, headers }: Pick<FastifyRequest, 'caller' | 'headers'>): {
  actor: string;
  client: string;
} {
  return { actor: callerName(caller), client: (headers['user-agent'] ?? '').slice(0, 255) };
}

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
    /** The project in which `config.access` was asked. */
    standing?: ProjectStanding;
    /** The repository in which `config.access` was asked. */
    scope?: RepositoryKey;
  }
}
