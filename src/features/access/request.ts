import type { Caller } from './caller.ts';
import type { RepositoryScope } from './decide.ts';
import type { ProjectStanding } from './store.ts';

declare module 'fastify' {
  interface FastifyRequest {
    caller: Caller;
    /** The project in which `config.access` was asked. */
    standing?: ProjectStanding;
    /** The repository in which `config.access` was asked. */
    scope?: RepositoryScope;
  }
}
