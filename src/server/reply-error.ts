import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

import { MissingRight, recordRefusal } from '../features/access/index.ts';
import { Refusal, type RefusalCode } from '../lib/errors.ts';
import { LruMap } from '../lib/lru-map.ts';
import { isDatabaseFull, isDatabaseUnavailable, isUnstorableText } from '../platform/db/errors.ts';
import type { Platform } from '../platform/index.ts';
import { wantedAccess } from './authorize.ts';
import { closeWhenRead, limitRestTime, restOfBody } from './body-time.ts';
import { challenge } from './challenge.ts';
import { ValidationError } from './validate.ts';

interface ErrorBody {
  errors: { code: string; message: string; detail?: unknown }[];
}

/** What Fastify itself refuses, by its HTTP status. */
const CODES: Record<number, RefusalCode> = {
  400: 'BAD_REQUEST',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  408: 'REQUEST_TIMEOUT',
  413: 'REQUEST_ENTITY_TOO_LARGE',
  414: 'BAD_REQUEST',
  415: 'UNSUPPORTED_MEDIA_TYPE',
};

/** The reason of a refusal that is not the client's fault is logged once in this time. */
const TELL_AGAIN_MS = 1000;

/** Reading gigabytes only to keep a connection open would be a gift to whoever sends them. */
const MOST_TO_READ = 1024 * 1024;

/** Turns whatever was thrown into an answer: a refusal as it is, everything else into 500 and a log line. */
export function createErrorHandler(
  platform: Pick<Platform, 'lookups' | 'recorder'>,
  { externalUrl }: { externalUrl: string | undefined },
) {
  const isNews = rememberNews();
  return async (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
    const refusal = toRefusal(error, request);
    if (error instanceof MissingRight) await recordMissingRight(platform, request, error);
    if (reply.raw.headersSent) {
      request.log.warn({ err: error }, 'answer broken off');
      reply.raw.destroy();
      return reply;
    }
    dropHeadersOfContent(reply);
    limitRestTime(request);
    const isLate = refusal?.code === 'REQUEST_TIMEOUT';
    const isTooMuch = restOfBody(request) > MOST_TO_READ;
    if ((isLate || isTooMuch) && request.raw.httpVersionMajor === 1) {
      void reply.header('connection', 'close');
      if (!isLate) closeWhenRead(request);
    }
    if (refusal === undefined) {
      request.log.error({ err: error }, 'request failed');
      void reply
        .code(500)
        .send(toBody('UNKNOWN', 'internal server error; the log has it under this request id'));
      return reply;
    }
    if (refusal.status === 401) {
      void reply.header('www-authenticate', wayIn(request, refusal, externalUrl));
    }
    // The client did nothing wrong: whoever runs the registry should know why.
    if (refusal.status >= 500 && isNews(refusal.message)) {
      request.log.error({ err: refusal.cause ?? refusal }, 'request refused');
    }
    return reply
      .code(refusal.status)
      .headers(refusal.headers)
      .send(toBody(codeFor(request, refusal), refusal.message, refusal.detail));
  };
}

/** A token that lacks it is on its way to a better one, and what that does not get is written down there. */
async function recordMissingRight(
  platform: Pick<Platform, 'lookups' | 'recorder'>,
  request: FastifyRequest,
  { permission, project, code }: MissingRight,
): Promise<void> {
  if (request.caller.grants !== undefined) return;
  await recordRefusal(platform, request, { access: permission, code, project }).catch(
    (err: unknown) => request.log.warn({ err }, 'refusal not written down'),
  );
}

/** Writing down each of thousands of refusals for the same reason would only add to the load. */
function rememberNews(): (message: string) => boolean {
  const told = new LruMap<string, number>(100);
  return (message) => {
    const now = performance.now();
    if (now - (told.get(message) ?? -Infinity) < TELL_AGAIN_MS) return false;
    told.set(message, now);
    return true;
  };
}

/** A handler may have described the content it was about to send. */
function dropHeadersOfContent(reply: FastifyReply): void {
  for (const name of ['content-length', 'content-type', 'etag', 'cache-control', 'accept-ranges']) {
    reply.removeHeader(name);
  }
}

function toRefusal(error: unknown, request: FastifyRequest): Refusal | undefined {
  if (error instanceof Refusal) return error;
  if (isDatabaseFull(error)) {
    return new Refusal(
      'UNAVAILABLE',
      'the disk of the database is full; tell the administrator of this registry',
      { cause: error, status: 507 },
    );
  }
  if (isDatabaseUnavailable(error)) {
    return new Refusal('UNAVAILABLE', 'the database is not available; try again', {
      cause: error,
      headers: { 'retry-after': '2' },
    });
  }
  if (isOutOfFiles(error)) {
    return new Refusal('UNAVAILABLE', 'too many files are open; try again', {
      cause: error,
      headers: { 'retry-after': '2' },
    });
  }
  if (isUnstorableText(error)) {
    return new Refusal('BAD_REQUEST', 'bad request: a text holds the character NUL', {
      cause: error,
    });
  }
  if (error instanceof ValidationError) {
    // Harbor's contract knows types and its parameters: 422. Everything else about a body it checks by hand: 400.
    const isHarbors = request.url.startsWith('/api/') && error.isAgainstContract;
    return new Refusal(isHarbors ? 'UNPROCESSABLE_ENTITY' : 'BAD_REQUEST', error.message);
  }
  const { statusCode, message } = error as FastifyError;
  if (statusCode === undefined || statusCode >= 500) return undefined;
  return new Refusal(CODES[statusCode] ?? 'BAD_REQUEST', message, { status: statusCode });
}

function wayIn(
  request: FastifyRequest,
  { detail }: Refusal,
  externalUrl: string | undefined,
): string {
  if (isRegistry(request)) return challenge(request, detail ?? wantedAccess(request), externalUrl);
  // A browser would ask for a password in a window of its own, over the page whose script sent this.
  const isScript = request.headers['sec-fetch-dest'] === 'empty';
  return `${isScript ? 'Cookie' : 'Basic'} realm="roadstead"`;
}

/** The process, or the machine, may open no more (`ulimit -n`): each connection is one, and each blob on its way. */
const isOutOfFiles = (error: unknown): boolean =>
  ['EMFILE', 'ENFILE'].includes((error as NodeJS.ErrnoException).code ?? '');

const isRegistry = ({ url }: FastifyRequest): boolean => url.startsWith('/v2/');

/** The distribution specification and Harbor name some things differently. */
function codeFor(request: FastifyRequest, { code }: Refusal): string {
  if (isRegistry(request)) return code === 'METHOD_NOT_ALLOWED' ? 'UNSUPPORTED' : code;
  return code === 'TOOMANYREQUESTS' ? 'TOO_MANY_REQUEST' : code;
}

export function toBody(code: string, message: string, detail?: unknown): ErrorBody {
  return { errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] };
}
