import { Compile } from 'typebox/compile';
import type { TSchema } from 'typebox';
import Value from 'typebox/value';

type Validation = { value: unknown } | { error: Error };

/**
 * Checks one part of a request against its schema. Defaults are filled in; texts of query and path become
 * numbers and booleans where those are wanted; body members that the schema does not know are dropped.
 */
export function compileValidator({
  schema,
  httpPart,
}: {
  schema: unknown;
  httpPart?: string | undefined;
}) {
  const type = schema as TSchema;
  const check = Compile(type);
  const isText = httpPart !== 'body';

  return (input: unknown): Validation => {
    const filled = Value.Default(type, input);
    const value = isText ? Value.Convert(type, filled) : Value.Clean(type, filled);
    if (check.Check(value)) return { value };
    const [first] = check.Errors(value);
    const place = `${httpPart ?? 'request'}${first?.instancePath.replaceAll('/', '.') ?? ''}`;
    return { error: new Error(`${place} ${first?.message ?? 'is not as described'}`) };
  };
}
