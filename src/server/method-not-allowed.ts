import { Refusal } from '../lib/errors.ts';
import type { App } from '../platform/http/routes.ts';

const METHODS = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/** The methods of each path, of all routes that are registered from now on. */
export type KnownMethods = Map<string, Set<string>>;

export function collectMethods(app: App): KnownMethods {
  const known: KnownMethods = new Map();
  app.addHook('onRoute', ({ url, method }) => {
    known.set(url, new Set([...(known.get(url) ?? []), ...[method].flat()]));
  });
  return known;
}

/** A path that is there but not with this method is answered with 405 and the methods it has (RFC 9110 §15.5.6). */
export function refuseOtherMethods(app: App, known: KnownMethods): void {
  for (const [url, methods] of known) {
    const missing = METHODS.filter((method) => !methods.has(method));
    if (missing.length === 0) continue;
    const allow = [...methods].toSorted().join(', ');
    const refuse = async ({ method }: { method: string }): Promise<never> => {
      throw new Refusal('METHOD_NOT_ALLOWED', `${method} is not for this path; it takes ${allow}`, {
        headers: { allow },
      });
    };
    app.route({
      method: missing,
      url,
      exposeHeadRoute: false,
      schema: { hide: true },
      config: { open: true },
      onRequest: refuse, // before a body is read
      handler: refuse,
    });
  }
}
