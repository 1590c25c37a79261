import Type from 'typebox';

import { digestFromBytes } from '../../oci/digest.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';
import { HarborBody, Id, NoBody } from '../../platform/http/harbor-body.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf } from '../access/index.ts';
import { addLabel, removeLabel } from '../labels/index.ts';
import { ArtifactParams } from './artifact-schema.ts';
import { getArtifact } from './params.ts';

const PATH = '/projects/:project_name/repositories/:repository_name/artifacts/:reference/labels';

/** Clients send a whole label; its id says which one is meant. */
const AddedLabel = HarborBody({
  id: Id,
  ...Object.fromEntries(
    ['name', 'description', 'color', 'scope', 'project_id', 'creation_time', 'update_time'].map(
      (name) => [name, Type.Optional(Type.Unknown())],
    ),
  ),
});

/** The labels of an artifact. */
export const artifactLabelRoutes: Routes = (app, { db }) => {
  app.post(
    PATH,
    {
      schema: {
        operationId: 'addLabel',
        tags: ['artifact'],
        params: ArtifactParams,
        body: AddedLabel,
        response: { 200: NoBody },
      },
      config: { access: 'artifact-label:create', project: 'project_name' },
    },
    async (request, reply) => {
      const artifact = await getArtifact(db, request);
      await inTransaction(db, async (tx) => {
        const label = await addLabel(tx, {
          labelId: request.body.id,
          manifestId: artifact.id,
          projectId: artifact.project_id,
        });
        await emit(tx, {
          type: 'artifact.label_added',
          projectId: artifact.project_id,
          subject: {
            repository: artifact.repository_name,
            digest: digestFromBytes(artifact.digest),
          },
          after: { label },
          ...actorOf(request),
        });
      });
      return reply.send(undefined);
    },
  );

  app.delete(
    `${PATH}/:label_id`,
    {
      schema: {
        operationId: 'removeLabel',
        tags: ['artifact'],
        params: Type.Object({ ...ArtifactParams.properties, label_id: Id }),
        response: { 200: NoBody },
      },
      config: { access: 'artifact-label:delete', project: 'project_name' },
    },
    async (request, reply) => {
      const artifact = await getArtifact(db, request);
      await inTransaction(db, async (tx) => {
        const label = await removeLabel(tx, {
          labelId: request.params.label_id,
          manifestId: artifact.id,
        });
        await emit(tx, {
          type: 'artifact.label_removed',
          projectId: artifact.project_id,
          subject: {
            repository: artifact.repository_name,
            digest: digestFromBytes(artifact.digest),
          },
          before: { label },
          ...actorOf(request),
        });
      });
      return reply.send(undefined);
    },
  );
};
