import { NoBody } from '../../platform/http/harbor-body.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { inTransaction } from '../../platform/db/transaction.ts';
import { emit } from '../../platform/events/index.ts';
import { actorOf, SIGNED_IN } from '../access/index.ts';
import { AllowlistBody, AllowlistReply, readAllowlist, showAllowlist } from './allowlist.ts';
import { findSystemAllowlist, replaceAllowlist } from './store/allowlists.ts';

const tags = ['SystemCVEAllowlist'];

/** Harbor's `/system/CVEAllowlist`: for all projects that don't have one of their own. */
export const allowlistRoutes: Routes = (app, { db }) => {
  app.get(
    '/system/CVEAllowlist',
    {
      schema: { operationId: 'getSystemCVEAllowlist', tags, response: { 200: AllowlistReply } },
      config: { access: SIGNED_IN },
    },
    async () => showAllowlist(await findSystemAllowlist(db)),
  );

  app.put(
    '/system/CVEAllowlist',
    {
      schema: {
        operationId: 'putSystemCVEAllowlist',
        tags,
        body: AllowlistBody,
        response: { 200: NoBody },
      },
      config: { access: 'configuration:update' },
    },
    async (request, reply) => {
      const after = readAllowlist(request.body);
      await inTransaction(db, async (tx) => {
        const { cve_ids, expires_at } = await findSystemAllowlist(tx);
        await replaceAllowlist(tx, null, after);
        await emit(tx, {
          type: 'cve_allowlist.updated',
          subject: { name: 'CVE allowlist' },
          before: { cve_ids, expires_at },
          after,
          ...actorOf(request),
        });
      });
      return reply.send(undefined);
    },
  );
};
