import type { InjectOptions, LightMyRequestResponse } from 'fastify';

import { PASSWORD, type TestApp } from '../harness.ts';

type Reply = LightMyRequestResponse;

/** Keeps cookies and the CSRF token, as a browser with the portal does. */
export interface Browser {
  send(options: InjectOptions): Promise<Reply>;
  get(url: string, headers?: Record<string, string>): Promise<Reply>;
  signIn(username: string, password?: string): Promise<Reply>;
  cookies: Map<string, string>;
  token: string | undefined;
}

export function openBrowser({ app }: Pick<TestApp, 'app'>): Browser {
  const browser: Browser = {
    cookies: new Map(),
    token: undefined,

    async send({ headers, ...options }) {
      const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const reply = await app.inject({
        ...options,
        headers: {
          ...(cookie === '' ? {} : { cookie }),
          ...(browser.token === undefined ? {} : { 'x-harbor-csrf-token': browser.token }),
          ...headers,
        },
      });
      for (const { name, value, maxAge } of reply.cookies) {
        if (maxAge === 0) browser.cookies.delete(name);
        else browser.cookies.set(name, value);
      }
      const token = reply.headers['x-harbor-csrf-token'];
      if (typeof token === 'string') browser.token = token;
      return reply;
    },

    get: (url, headers = {}) => browser.send({ method: 'GET', url, headers }),

    async signIn(principal, password = PASSWORD) {
      if (browser.token === undefined) await browser.get('/c/login');
      return browser.send({
        method: 'POST',
        url: '/c/login',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: new URLSearchParams({ principal, password }).toString(),
      });
    },
  };
  return browser;
}
