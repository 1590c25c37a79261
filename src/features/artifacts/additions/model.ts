import { Refusal } from '../../../lib/errors.ts';
import { readTar } from '../../../lib/tar.ts';
import type { Descriptor } from '../../../oci/manifest.ts';
import {
  explainTar,
  MARKDOWN_TYPE,
  openBlob,
  readBlob,
  TEXT_TYPE,
  toJson,
  type Addition,
  type Source,
} from './addition.ts';

const MOST_BYTES = 4 * 1024 * 1024;
const DOCUMENTS = [
  'application/vnd.cncf.model.doc.v1.tar',
  'application/vnd.cncf.model.doc.v1.raw',
];
const PATH = 'org.cncf.model.filepath';

/** The read-me of a model (CNAI), which is a layer of its own. */
export async function readModelReadme(source: Source): Promise<Addition> {
  const content = await readDocument(source, ['README', 'README.md']);
  return { contentType: MARKDOWN_TYPE, content };
}

export async function readLicense(source: Source): Promise<Addition> {
  const content = await readDocument(source, ['LICENSE', 'LICENSE.txt']);
  return { contentType: TEXT_TYPE, content };
}

async function readDocument(source: Source, names: string[]): Promise<Buffer> {
  const layer = source.manifest.layers.find(
    ({ mediaType, annotations }) =>
      DOCUMENTS.includes(mediaType) && names.includes(annotations?.[PATH] ?? ''),
  );
  if (layer === undefined) {
    throw new Refusal('NOT_FOUND', `not found: the model has no ${names.join(' or ')}`);
  }
  if (layer.mediaType.endsWith('.raw')) return readBlob(source, layer, MOST_BYTES);
  return readFirstFile(source, layer);
}

async function readFirstFile(source: Source, layer: Descriptor): Promise<Buffer> {
  const packed = await openBlob(source, layer, MOST_BYTES);
  try {
    for await (const entry of readTar(packed, MOST_BYTES)) {
      if (entry.isFile) return await entry.read(MOST_BYTES);
    }
    return Buffer.alloc(0);
  } catch (cause) {
    throw explainTar(`the layer ${layer.digest}`, cause);
  }
}

/** A file with its size, or a folder with what is in it. */
type FileNode = number | Map<string, FileNode>;

/** The files of a model as a tree, folders first: the annotations of its layers name them. */
export async function listFiles({ manifest }: Source): Promise<Addition> {
  const root: FileNode = new Map<string, FileNode>();
  for (const { annotations, size } of manifest.layers) {
    const path = annotations?.[PATH] ?? '';
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    if (names.length <= MOST_DEPTH) addFile(root, names, path.endsWith('/') ? new Map() : size);
  }
  return toJson(toEntries(root));
}

const MOST_DEPTH = 64;

/** Of two layers that contradict each other the first one counts. */
function addFile(folder: Map<string, FileNode>, [name, ...deeper]: string[], file: FileNode): void {
  if (name === undefined) return;
  if (deeper.length === 0) {
    if (!folder.has(name)) folder.set(name, file);
    return;
  }
  const inner = folder.get(name) ?? new Map<string, FileNode>();
  folder.set(name, inner);
  if (inner instanceof Map) addFile(inner, deeper, file);
}

function toEntries(folder: Map<string, FileNode>): object[] {
  const byName = [...folder].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const folders = byName.flatMap(([name, node]) =>
    node instanceof Map ? [{ name, type: 'directory', children: toEntries(node) }] : [],
  );
  const files = byName.flatMap(([name, node]) =>
    node instanceof Map ? [] : [{ name, type: 'file', size: node }],
  );
  return [...folders, ...files];
}
