/** docs/openapi.json: the API as the routes declare it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

interface Described {
  describeApi: () => Promise<string>;
}

export async function generateOpenApi(root: string): Promise<string | undefined> {
  const file = join(root, 'src/server/describe-api.ts');
  if (!existsSync(file)) return undefined;
  const { describeApi } = (await import(pathToFileURL(file).href)) as Described;
  return describeApi();
}
