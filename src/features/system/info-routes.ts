import { readFile } from 'node:fs/promises';

import type { FastifyRequest } from 'fastify';
import Type from 'typebox';

import { clock } from '../../lib/clock.ts';
import { notFound } from '../../lib/errors.ts';
import { readProgramVersion } from '../../lib/program-version.ts';
import { baseUrlOf } from '../../platform/http/base-url.ts';
import { Reply, timestamp } from '../../platform/http/harbor-body.ts';
import type { Routes } from '../../platform/http/routes.ts';
import { isSignedIn } from '../access/index.ts';
import { readSettings, type Settings } from '../settings/index.ts';

/** The Harbor whose API this is, and what is behind it. Clients compare the numbers. */
const HARBOR_VERSION = `v2.16.0-roadstead-${readProgramVersion()}`;

const InfoReply = Reply({
  auth_mode: Type.String(),
  primary_auth_mode: Type.Boolean(),
  self_registration: Type.Boolean(),
  banner_message: Type.String(),
  oidc_provider_name: Type.String(),
  authproxy_settings: Reply({
    endpoint: Type.String(),
    tokenreivew_endpoint: Type.String(), // so it is spelt
    skip_search: Type.Boolean(),
    verify_cert: Type.Boolean(),
    server_certificate: Type.String(),
  }),
  // From here on for whoever has signed in.
  registry_url: Type.String(),
  external_url: Type.String(),
  project_creation_restriction: Type.String(),
  has_ca_root: Type.Boolean(),
  harbor_version: Type.String(),
  registry_storage_provider_name: Type.String(),
  read_only: Type.Boolean(),
  notification_enable: Type.Boolean(),
  current_time: Type.String({ format: 'date-time' }),
});

const Volumes = Reply({
  storage: Type.Array(Reply({ total: Type.Integer(), free: Type.Integer() })),
});

/** Harbor's `/systeminfo`: what clients ask first. */
export const systemInfoRoutes: Routes = (app, { config, lookups, disks }) => {
  app.get(
    '/systeminfo',
    {
      schema: {
        operationId: 'getSystemInfo',
        tags: ['systeminfo'],
        response: { 200: InfoReply },
      },
      config: { open: true },
    },
    async (request) => {
      const settings = await readSettings(lookups);
      const info = describeSignIn(settings);
      return isSignedIn(request.caller)
        ? { ...info, ...describeRegistry(request, settings) }
        : info;
    },
  );

  function describeRegistry(request: FastifyRequest, settings: Settings) {
    const external_url = baseUrlOf(request, config.external_url);
    return {
      external_url,
      registry_url: external_url.replace(/^https?:\/\//, ''),
      project_creation_restriction: settings.project_creation_restriction,
      has_ca_root: config.tls.ca_file !== undefined && external_url.startsWith('https:'),
      harbor_version: HARBOR_VERSION,
      registry_storage_provider_name: config.s3.bucket === undefined ? 'filesystem' : 's3',
      read_only: settings.read_only,
      notification_enable: settings.notification_enable,
      current_time: timestamp(clock.now()),
    };
  }

  app.get(
    '/systeminfo/volumes',
    {
      schema: { operationId: 'getVolumes', tags: ['systeminfo'], response: { 200: Volumes } },
      config: { access: 'system-volumes:read' },
    },
    async () => {
      const found = await disks.list();
      return {
        storage: found.map(({ freeBytes, totalBytes }) => ({ total: totalBytes, free: freeBytes })),
      };
    },
  );

  app.get(
    '/systeminfo/getcert',
    {
      schema: {
        operationId: 'getCert',
        tags: ['systeminfo'],
        response: { 200: { content: { 'application/octet-stream': { schema: Type.String() } } } },
      },
      config: { open: true },
    },
    async (_request, reply) => {
      const { ca_file } = config.tls;
      if (ca_file === undefined) throw notFound('certificate', 'tls.ca_file');
      return reply
        .header('content-disposition', 'attachment; filename=ca.crt')
        .type('application/octet-stream')
        .send(onlyCertificates(await readFile(ca_file, 'utf8')));
    },
  );
};

/** Somebody may have put a private key beside it. */
const onlyCertificates = (pem: string): string =>
  (pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? []).join('');

/** What a page needs before somebody signs in. */
function describeSignIn(settings: Settings) {
  const { auth_mode } = settings;
  return {
    auth_mode,
    primary_auth_mode: settings.primary_auth_mode,
    self_registration: settings.self_registration,
    banner_message: settings.banner_message,
    oidc_provider_name: auth_mode === 'oidc_auth' ? settings.oidc_name : '',
    ...(auth_mode === 'http_auth' ? { authproxy_settings: describeProxy(settings) } : {}),
  };
}

const describeProxy = (settings: Settings) => ({
  endpoint: settings.http_authproxy_endpoint,
  tokenreivew_endpoint: settings.http_authproxy_tokenreview_endpoint,
  skip_search: settings.http_authproxy_skip_search,
  verify_cert: settings.http_authproxy_verify_cert,
  server_certificate: settings.http_authproxy_server_certificate,
});

/** Harbor's `/api/version`, which says where its API is. */
export const versionRoutes: Routes = (app) => {
  app.get(
    '/api/version',
    {
      schema: {
        operationId: 'getApiVersion',
        tags: ['systeminfo'],
        response: { 200: Type.Object({ version: Type.String() }) },
      },
      config: { open: true },
    },
    () => ({ version: 'v2.0' }),
  );
};
