import { Refusal } from '../../lib/errors.ts';
import { NoBody } from '../../platform/http/harbor-body.ts';
import { isReachable } from '../../platform/http/reach.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { actorOf } from '../access/index.ts';
import { changeSettings } from './change.ts';
import { DEFINITIONS, isSecret, type SettingName, type Settings } from './definitions.ts';
import { readSettings, waitUntilRead } from './read.ts';
import { requireSound } from './rules.ts';
import * as schema from './schema.ts';
import { hasUsers } from './store.ts';

/** Harbor's `/configurations`, and `/internalconfig`, which says the same: there are no components to tell more. */
export const settingRoutes: Routes = (app, platform) => {
  const { config, db, lookups } = platform;
  const isFixed = config.settings_overwrite !== undefined;

  app.get(
    '/configurations',
    {
      schema: {
        operationId: 'getConfigurations',
        tags: ['configure'],
        response: { 200: schema.ConfigurationReply },
      },
      config: { access: 'configuration:read' },
    },
    listItems,
  );

  app.put(
    '/configurations',
    {
      schema: {
        operationId: 'updateConfigurations',
        tags: ['configure'],
        body: schema.ConfigurationChange,
        response: { 200: NoBody },
      },
      config: { access: 'configuration:update', whileReadOnly: true },
    },
    async (request, reply) => {
      if (isFixed) {
        throw new Refusal(
          'FORBIDDEN',
          'forbidden: the settings come from CONFIG_OVERWRITE_JSON and can be changed only there',
        );
      }
      requireSound(request.body);
      await requireForwarding(request.body);
      const isChanged = await changeSettings(platform, request.body, actorOf(request));
      if (isChanged) await waitUntilRead(lookups);
      return reply.send(undefined);
    },
  );

  app.get(
    '/internalconfig',
    {
      schema: {
        operationId: 'getInternalconfig',
        tags: ['configure'],
        response: { 200: schema.InternalConfigurationReply },
      },
      config: { access: 'configuration:read' },
    },
    listItems,
  );

  async function listItems() {
    const settings = await readSettings(lookups);
    settings.token_expiration ??= Math.ceil(config.tokens.lifetime_seconds / 60);
    const isModeFixed = isFixed || (await hasUsers(db));
    const names = (Object.keys(DEFINITIONS) as SettingName[]).filter((name) => !isSecret(name));
    const items = names.map((name) => [
      name,
      { value: settings[name], editable: name === 'auth_mode' ? !isModeFixed : !isFixed },
    ]);
    return Object.fromEntries(items) as Record<SettingName, schema.Item>;
  }

  /** As in Harbor: a new endpoint must answer, or the log would go nowhere. */
  async function requireForwarding({ audit_log_forward_endpoint: wanted = '' }: Partial<Settings>) {
    const { audit_log_forward_endpoint: present } = await readSettings(lookups);
    if (wanted === '' || wanted === present || (await isReachable(wanted))) return;
    throw new Refusal(
      'BAD_REQUEST',
      `bad request: nothing answers at ${wanted}; set audit_log_forward_endpoint to a syslog server (TCP) that runs`,
    );
  }
};
