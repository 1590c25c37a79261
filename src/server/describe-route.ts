import type { FastifySchema, RouteOptions } from 'fastify';
import type { TObject } from 'typebox';
import Type from 'typebox';

/** Read by `authorize.ts` for every route whose path takes a project's name or id. */
const ProjectHeaders = Type.Object({
  'X-Is-Resource-Name': Type.Optional(Type.Boolean({ default: false })),
});

/** A route's schema as the OpenAPI document shows it. */
export function describeRoute(
  schema: FastifySchema | undefined,
  { config }: RouteOptions,
): FastifySchema {
  if (schema === undefined) return {};
  const { operationId, querystring } = schema;
  const described: FastifySchema = { ...schema };
  // For HEAD the plugin adds a suffix, which Harbor's names of operations lack.
  if (operationId !== undefined) described.operationId = operationId.replace(/-head$/, '');
  if (querystring !== undefined) described.querystring = omitDefaults(querystring as TObject);
  if (config?.project === 'project_name_or_id') described.headers = withHeaders(schema.headers);
  return described;
}

/** What has a default may be left out. TypeBox means the value after defaults are filled in. */
function omitDefaults(querystring: TObject): object {
  const required = querystring.required?.filter(
    (name) => !('default' in (querystring.properties[name] ?? {})),
  );
  return { ...querystring, required };
}

function withHeaders(headers: unknown): object {
  const { properties = {} } = (headers ?? {}) as Partial<TObject>;
  return Type.Object({ ...properties, ...ProjectHeaders.properties });
}
