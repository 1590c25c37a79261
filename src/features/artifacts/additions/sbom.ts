import { Refusal } from '../../../lib/errors.ts';
import { readBlob, type Addition, type Source } from './addition.ts';

const MOST_BYTES = 32 * 1024 * 1024;

/** The document that an SBOM artifact is made of: its one layer. */
export async function readSbom(source: Source): Promise<Addition> {
  const [layer, ...others] = source.manifest.layers;
  if (layer === undefined || others.length > 0) {
    throw new Refusal('NOT_FOUND', 'not found: an SBOM has one layer, and this artifact has not');
  }
  return {
    contentType: 'application/vnd.goharbor.harbor.sbom.v1',
    content: await readBlob(source, layer, MOST_BYTES),
  };
}
