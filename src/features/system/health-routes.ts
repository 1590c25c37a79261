import Type from 'typebox';

import { Reply } from '../../platform/http/harbor-body.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { createHealth } from './health.ts';

const Component = Reply({ name: Type.String(), status: Type.String(), error: Type.String() });
const HealthReply = Reply({ status: Type.String(), components: Type.Array(Component) });

/** Harbor's `/health` and `/ping`. */
export const healthRoutes: Routes = (app, platform) => {
  const findHealth = createHealth(platform);

  app.get(
    '/health',
    {
      schema: {
        operationId: 'getHealth',
        tags: ['health'],
        response: { 200: HealthReply, 503: HealthReply },
      },
      config: { open: true },
    },
    async (_request, reply) => {
      const { database, store, disk, jobs } = await findHealth();
      const isStopping = platform.stopping.aborted;
      const isUsable = database && store && !isStopping;
      const components = [
        component('core', !isStopping, 'this node is stopping'),
        component('database', database, 'PostgreSQL does not answer'),
        component('jobservice', jobs, 'nothing is done in the background: no job worker runs'),
        component('registry', store, 'the blob store does not answer'),
        component('storage', disk === undefined, disk ?? ''),
      ];
      // A node without room or jobs still serves pulls, so it says so and stays in.
      return reply.code(isUsable ? 200 : 503).send({
        status: isUsable && disk === undefined && jobs ? 'healthy' : 'unhealthy',
        components,
      });
    },
  );

  app.get(
    '/ping',
    {
      schema: { operationId: 'getPing', tags: ['ping'], response: { 200: Type.String() } },
      config: { open: true },
    },
    async (_request, reply) => reply.type('text/plain; charset=utf-8').send('Pong'),
  );
};

function component(name: string, isHealthy: boolean, error: string) {
  return isHealthy ? { name, status: 'healthy' } : { name, status: 'unhealthy', error };
}
