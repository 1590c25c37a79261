import type { InjectOptions, LightMyRequestResponse } from 'fastify';

import type { App } from '../../src/platform/http/routes.ts';

type Body = NonNullable<InjectOptions['payload']>;
type Headers = Record<string, string>;

/** Requests of one person, with basic authentication; of nobody when the name is `anonymous`. */
export interface Client {
  get(url: string, headers?: Headers): Promise<LightMyRequestResponse>;
  head(url: string, headers?: Headers): Promise<LightMyRequestResponse>;
  post(url: string, body?: Body, headers?: Headers): Promise<LightMyRequestResponse>;
  put(url: string, body?: Body, headers?: Headers): Promise<LightMyRequestResponse>;
  patch(url: string, body?: Body, headers?: Headers): Promise<LightMyRequestResponse>;
  delete(url: string, headers?: Headers): Promise<LightMyRequestResponse>;
}

export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

export function client(app: App, username: string, password: string): Client {
  const credentials: Headers =
    username === 'anonymous' ? {} : { authorization: basic(username, password) };
  const send =
    (method: 'POST' | 'PUT' | 'PATCH') =>
    (url: string, payload?: Body, headers: Headers = {}) =>
      app.inject({
        method,
        url,
        headers: { ...credentials, ...headers },
        ...(payload === undefined ? {} : { payload }),
      });
  const ask =
    (method: 'GET' | 'HEAD' | 'DELETE') =>
    (url: string, headers: Headers = {}) =>
      app.inject({ method, url, headers: { ...credentials, ...headers } });
  return {
    get: ask('GET'),
    head: ask('HEAD'),
    delete: ask('DELETE'),
    post: send('POST'),
    put: send('PUT'),
    patch: send('PATCH'),
  };
}
