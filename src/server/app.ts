import { randomUUID } from 'node:crypto';
import { constants, type Http2SecureServer, type SecureServerOptions } from 'node:http2';

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastifySwagger from '@fastify/swagger';
import Fastify, {
  LogController,
  type FastifyInstance,
  type FastifyReply,
  type FastifyServerOptions,
} from 'fastify';

import { createForgeryCheck } from '../features/accounts/index.ts';
import { findSettings, tokenLifetimeSeconds } from '../features/settings/index.ts';
import {
  createBearerTokens,
  createSigningKeys,
  createTokenOwners,
  tokenRoutes,
} from '../features/tokens/index.ts';
import { notFound } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import type { Config } from '../platform/config/index.ts';
import type { App } from '../platform/http/routes.ts';
import type { Platform } from '../platform/index.ts';
import { RequestLog } from '../platform/log/request-log.ts';
import { authenticate } from './authenticate.ts';
import { authorize, requireDeclaredAccess } from './authorize.ts';
import { describeRoute } from './describe-route.ts';
import { limitBodyTime } from './body-time.ts';
import { collectMethods, refuseOtherMethods } from './method-not-allowed.ts';
import { limitPipelining } from './limit-pipelining.ts';
import { metricsRoutes, type CollectMetrics } from './metrics-routes.ts';
import { requireWritable } from './read-only.ts';
import type { RateLimits } from './rate-limits.ts';
import { requireRoom } from './require-room.ts';
import { answerClientError, refuseExpectation, requireOneHost } from './protocol-errors.ts';
import { createErrorHandler, toBody } from './reply-error.ts';
import { observeRequest } from './observe-requests.ts';
import { rewriteUrl } from './rewrite-url.ts';
import { apiRoutes, rootRoutes } from './routes.ts';
import { compileValidator } from './validate.ts';

export interface AppOptions {
  /** The figures of all processes of this node, as text. */
  collectMetrics: CollectMetrics;
  rateLimits?: RateLimits | undefined;
  /** Certificate and key; plain HTTP without. */
  tls?: SecureServerOptions & { http2: boolean };
}

/** The whole HTTP side of the program, not yet listening. */
export async function createApp(platform: Platform, options: AppOptions): Promise<App> {
  const { config, log, stopping } = platform;
  const app = makeFastify(platform, options);
  app.decorateRequest('caller', null as never);
  app.decorateRequest('address', '');
  app.addHook('onRoute', requireDeclaredAccess);
  const methods = collectMethods(app);
  app.setErrorHandler(createErrorHandler(platform, { externalUrl: config.external_url }));
  app.addHook('onRequest', (request, reply, done) => {
    observeRequest(request, reply, platform);
    // Its client is to come again over a new connection, which a load balancer gives to another node.
    if (stopping.aborted && request.raw.httpVersionMajor === 1) {
      reply.header('connection', 'close');
    }
    requireOneHost(request);
    limitBodyTime(request, reply, config.limits.idle_body_ms);
    done();
  });
  limitPipelining(app);

  const tokens = createBearerTokens(createSigningKeys(platform), {
    findLifetimeSeconds: async () =>
      tokenLifetimeSeconds(await findSettings(platform.lookups), config),
    owners: createTokenOwners(platform.lookups),
  });
  const forgeryCheck = createForgeryCheck(platform);
  const { rateLimits } = options;
  app.addHook('onRequest', async (request, reply) => {
    rateLimits?.admitAddress(request, reply);
    forgeryCheck.readToken(request, reply);
    request.caller = await authenticate(platform, tokens, request);
    rateLimits?.admitUser(request);
    if (request.is404) throw notFound('path', quote(request.originalUrl.split('?')[0]!));
    await requireWritable(platform.lookups, request);
    await authorize(platform, request);
    await requireRoom(platform.disks, request);
  });
  app.addHook('preParsing', async (request) => forgeryCheck.requireOwn(request));

  await app.register(fastifySwagger, {
    openapi: { openapi: '3.1.0', info: { title: 'Roadstead', version: '2.0' } },
    transform: ({ schema, url, route }) => ({ schema: describeRoute(schema, route), url }),
  });
  for (const routes of [
    ...rootRoutes,
    tokenRoutes(tokens),
    metricsRoutes(options.collectMetrics),
  ]) {
    await app.register(async (scope) => routes(scope, platform));
  }
  await app.register(
    async (scope) => {
      for (const routes of apiRoutes) await routes(scope, platform);
    },
    { prefix: '/api/v2.0' },
  );
  refuseOtherMethods(app, methods);
  log.debug('routes registered');
  return app;
}

/** podman asks for up to 1024 ranges of a layer at once. */
const MAX_HEADER_BYTES = 64 * 1024;
/** Who names no host is refused by us, in words. */
const HTTP1 = { maxHeaderSize: MAX_HEADER_BYTES, requireHostHeader: false };
const KEEP_ALIVE_MS = 75_000;
/** How much a client may send before it hears from us; with the default of 64 KiB uploads crawl. */
const HTTP2_WINDOW_BYTES = 8 * 1024 * 1024;
/** Of one connection; without it there is no limit. */
const HTTP2_STREAMS = 250;
const HTTP2_SETTINGS = {
  initialWindowSize: HTTP2_WINDOW_BYTES,
  maxFrameSize: 256 * 1024,
  maxConcurrentStreams: HTTP2_STREAMS,
};

function makeFastify(platform: Platform, { tls }: AppOptions): App {
  const { config, log } = platform;
  const serverOptions: FastifyServerOptions = {
    loggerInstance: log,
    childLoggerFactory: (_log, bindings) => new RequestLog(log, bindings) as never,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && /^[\w.:/+=-]{1,128}$/.test(given) ? given : randomUUID();
    },
    trustProxy: config.trusted_proxies.length > 0 ? config.trusted_proxies : false,
    bodyLimit: 1024 * 1024,
    // A slow upload may take hours; one that stands still is ended by the connection's timeout.
    requestTimeout: 0,
    connectionTimeout: config.limits.idle_body_ms,
    keepAliveTimeout: KEEP_ALIVE_MS,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 1024 },
    rewriteUrl: (request) => rewriteUrl(request.url ?? '/'),
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      observeRequest(request, reply, platform); // no hook runs for these
      void (reply as FastifyReply).code(400).send(toBody('BAD_REQUEST', error.message));
    },
  };
  const app = Fastify({
    ...serverOptions,
    ...(tls === undefined
      ? { http: HTTP1 }
      : {
          https: {
            ...tls,
            ...HTTP1,
            allowHTTP1: true,
            settings: HTTP2_SETTINGS,
          },
          ...(tls.http2 ? { http2: true } : {}),
        }),
  } as FastifyServerOptions) as FastifyInstance;
  if (tls?.http2 === true) tuneHttp2(app.server as unknown as Http2SecureServer, config);
  app.server.on('checkExpectation', refuseExpectation);
  app.setValidatorCompiler(compileValidator);
  app.removeContentTypeParser('text/plain');
  acceptJson(app);
  return app.withTypeProvider<TypeBoxTypeProvider>();
}

/** Clients name the type with each request, also where there is no body: Terraform's provider with each DELETE. */
function acceptJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser<string>(
    'application/json',
    { parseAs: 'string' },
    (request, body, done) => {
      if (body === '') done(null, undefined);
      else void parse(request, body, done);
    },
  );
}

/** What Fastify sets for servers of HTTP/1.1 only, and what HTTP/2 alone needs. */
function tuneHttp2(server: Http2SecureServer, { limits }: Config): void {
  Object.assign(server, { requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS });
  server.on('session', (session) => session.setLocalWindowSize(2 * HTTP2_WINDOW_BYTES));
  server.on('stream', (stream) =>
    stream.setTimeout(limits.idle_body_ms, () => stream.close(constants.NGHTTP2_CANCEL)),
  );
}
