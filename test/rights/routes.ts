import type { App } from '../../src/platform/http/routes.ts';

export interface Route {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its parameters, as `/api/v2.0/users/:user_id`. */
  path: string;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const LINE = /^((?:│ {3}| {4})*)[├└]── (\S+)(?: \(.*\))?$/;

/** All that the router answers, whichever room it is from. Those that only say 405 are not told apart. */
export function listRoutes(app: App): Route[] {
  const paths: string[] = [];
  const parents: string[] = [];
  for (const line of app.printRoutes({ commonPrefix: false }).trimEnd().split('\n')) {
    const [, indent, segment] = LINE.exec(line) ?? [];
    if (segment === undefined) throw new Error(`not understood: ${line}`);
    const depth = indent!.length / 4;
    parents[depth] = (parents[depth - 1] ?? '') + segment;
    if (line.endsWith(')')) paths.push(parents[depth]);
  }
  return paths
    .map((path) => path.replaceAll(/\|:\w+/g, '')) // another name of the same parameter
    .toSorted()
    .flatMap((path) => METHODS.map((method) => ({ method, path })));
}
