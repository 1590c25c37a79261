import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from './digest.ts';
import { parseManifest } from './manifest.ts';
import {
  DOCKER_MANIFEST,
  DOCKER_MANIFEST_LIST,
  DOCKER_SCHEMA1,
  DOCKER_SCHEMA1_SIGNED,
  OCI_ARTIFACT_MANIFEST,
  OCI_IMAGE_INDEX,
  OCI_IMAGE_MANIFEST,
} from './media-type.ts';

const blob = (content: string, mediaType = 'application/octet-stream') => ({
  mediaType,
  digest: digestOf(content),
  size: content.length,
});
const config = blob('{}', 'application/vnd.oci.image.config.v1+json');
const layer = blob('layer', 'application/vnd.oci.image.layer.v1.tar+gzip');
const child = blob('manifest', OCI_IMAGE_MANIFEST);
const image = { schemaVersion: 2, mediaType: OCI_IMAGE_MANIFEST, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: OCI_IMAGE_INDEX, manifests: [child] };
const { mediaType: _image, ...imageWithoutType } = image;
const { mediaType: _index, ...indexWithoutType } = index;

const parse = (body: unknown, contentType?: string) =>
  parseManifest(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)), contentType);

const refuses = (body: unknown, says: RegExp, contentType?: string) =>
  assert.throws(() => parse(body, contentType), { code: 'MANIFEST_INVALID', message: says });

test('an image names its config and layers', () => {
  for (const mediaType of [OCI_IMAGE_MANIFEST, DOCKER_MANIFEST]) {
    const manifest = parse({ ...image, mediaType }, mediaType);

    assert.deepEqual(manifest, {
      kind: 'image',
      mediaType,
      artifactType: config.mediaType,
      config,
      layers: [layer],
      children: [],
      annotations: {},
      requiredBlobs: [config, layer],
    });
  }
});

test('an index names its children', () => {
  const platform = { architecture: 'arm', os: 'linux', variant: 'v7' };
  for (const mediaType of [OCI_IMAGE_INDEX, DOCKER_MANIFEST_LIST]) {
    const listed = { ...child, platform };

    const manifest = parse({ ...index, mediaType, manifests: [listed] }, mediaType);

    assert.deepEqual(manifest, {
      kind: 'index',
      mediaType,
      artifactType: undefined,
      layers: [],
      children: [listed],
      annotations: {},
      requiredBlobs: [],
    });
  }
});

test('subject, annotations, artifactType and unknown members are accepted in both kinds', () => {
  const more = {
    subject: child,
    annotations: { 'org.example': 'ä', '': '' },
    artifactType: 'application/vnd.example.v1',
    'org.example.unknown': [null],
  };
  for (const body of [image, index]) {
    const manifest = parse({ ...body, ...more }, body.mediaType);

    assert.deepEqual(manifest.subject, child);
    assert.deepEqual(manifest.annotations, more.annotations);
    assert.equal(manifest.artifactType, more.artifactType);
  }
});

test('an empty artifactType counts as missing', () => {
  assert.equal(parse({ ...image, artifactType: '' }).artifactType, config.mediaType);
  assert.equal(parse({ ...index, artifactType: '' }).artifactType, undefined);
});

test('an image may have no layers, and the same layer twice', () => {
  assert.deepEqual(parse({ ...image, layers: [] }).requiredBlobs, [config]);
  assert.deepEqual(parse({ ...image, layers: null }).layers, []);
  assert.equal(parse({ ...image, layers: [layer, layer] }).layers.length, 2);
  assert.deepEqual(parse({ ...index, manifests: [] }).children, []);
});

test('members that are null count as missing where they are optional', () => {
  const nothing = { annotations: null, subject: null, artifactType: null };
  const bare = { ...layer, annotations: null, platform: null, urls: null, data: null };

  assert.deepEqual(parse({ ...image, ...nothing, layers: [bare] }), parse(image));
});

test('a foreign layer need not be in the repository', () => {
  const foreign = {
    ...blob('elsewhere', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'),
    urls: ['https://example.com/layer'],
  };

  const manifest = parse({ ...image, layers: [foreign, layer] });

  assert.deepEqual(manifest.layers, [foreign, layer]);
  assert.deepEqual(manifest.requiredBlobs, [config, layer]);
});

test('what an index lists and is no manifest is a blob it needs', () => {
  const old = blob('artifact', OCI_ARTIFACT_MANIFEST);

  const manifest = parse({ ...index, manifests: [child, layer, old, config] });

  assert.deepEqual(manifest.children, [child, old]);
  assert.deepEqual(manifest.requiredBlobs, [layer, config]);
});

test('sha512 descriptors and embedded data are read', () => {
  const content = Buffer.from('content');
  const embedded = {
    mediaType: 'text/plain',
    digest: digestOf(content, 'sha512'),
    size: 7,
    data: content.toString('base64'),
  };

  const [read] = parse({ ...image, layers: [embedded] }).layers;

  assert.equal(read?.digest, embedded.digest);
  assert.deepEqual(read?.data, content);
});

test('header and body together say the media type', () => {
  const rows: [body: unknown, contentType: string | undefined, mediaType: string | RegExp][] = [
    [image, OCI_IMAGE_MANIFEST, OCI_IMAGE_MANIFEST],
    [image, `${OCI_IMAGE_MANIFEST.toUpperCase()}; charset=utf-8`, OCI_IMAGE_MANIFEST],
    [image, undefined, OCI_IMAGE_MANIFEST],
    [image, '', OCI_IMAGE_MANIFEST],
    [image, 'application/octet-stream', OCI_IMAGE_MANIFEST],
    [index, 'application/json', OCI_IMAGE_INDEX],
    [imageWithoutType, OCI_IMAGE_MANIFEST, OCI_IMAGE_MANIFEST],
    [indexWithoutType, OCI_IMAGE_INDEX, OCI_IMAGE_INDEX],
    [{ ...image, mediaType: '' }, OCI_IMAGE_MANIFEST, OCI_IMAGE_MANIFEST],
    [imageWithoutType, undefined, /neither the Content-Type/],
    [imageWithoutType, 'application/json', /neither the Content-Type/],
    [imageWithoutType, DOCKER_MANIFEST, /must have the mediaType/],
    [image, OCI_IMAGE_INDEX, /but the manifest/],
    [image, DOCKER_MANIFEST, /but the manifest/],
    [index, OCI_IMAGE_MANIFEST, /but the manifest/],
    [image, 'nonsense', /"nonsense" is not a media type/],
    [image, 'text/plain', /but the manifest/],
    [imageWithoutType, 'text/plain', /"text\/plain" is not accepted .* use application\/vnd\.oci/],
    [{ ...image, mediaType: 'a/b' }, undefined, /"a\/b" is not accepted/],
    [{ ...image, mediaType: OCI_ARTIFACT_MANIFEST }, OCI_ARTIFACT_MANIFEST, /is not accepted/],
    [{ ...image, mediaType: OCI_IMAGE_MANIFEST.toUpperCase() }, undefined, /is not accepted/],
    [{ ...image, mediaType: 1 }, OCI_IMAGE_MANIFEST, /mediaType must be a string/],
  ];
  for (const [body, contentType, expected] of rows) {
    if (typeof expected === 'string') assert.equal(parse(body, contentType).mediaType, expected);
    else refuses(body, expected, contentType);
  }
});

test('schema 1 is refused with what to do', () => {
  const says = /schema 1 .* is not supported: push the image again/;
  const body = { schemaVersion: 1, name: 'library/old', tag: 'latest', fsLayers: [], history: [] };

  refuses(body, says);
  refuses(body, says, DOCKER_SCHEMA1_SIGNED);
  refuses(body, says, OCI_IMAGE_MANIFEST);
  refuses(image, says, DOCKER_SCHEMA1);
  refuses({ ...image, mediaType: DOCKER_SCHEMA1_SIGNED }, says, OCI_IMAGE_MANIFEST);
});

test('a manifest that could be read as two kinds is refused', () => {
  refuses({ ...image, manifests: [child] }, /must not have manifests/);
  refuses({ ...image, manifests: null }, /must not have manifests/);
  refuses({ ...image, fsLayers: [] }, /must not have fsLayers/);
  refuses({ ...image, blobs: [] }, /must not have blobs/);
  refuses({ ...index, config }, /must not have config/);
  refuses({ ...index, layers: [] }, /must not have layers/);
  refuses({ ...index, blobs: [] }, /must not have blobs/);
  refuses({ ...image, mediaType: OCI_IMAGE_INDEX }, /must not have config/);
});

test('a manifest that readers could understand differently is refused', () => {
  const text = JSON.stringify(image);
  const descriptor = JSON.stringify(config);

  refuses(text.replace('{', '{"layers":[],'), /the key "layers" twice/);
  refuses(text.replace(descriptor, descriptor.replace('{', '{"size":1,')), /the key "size" twice/);
  refuses({ ...image, Layers: [] }, /the key "Layers" must be written layers/);
  refuses({ ...image, manifeſts: [] }, /must be written manifests/);
  refuses({ ...image, MEDIATYPE: 'a/b' }, /must be written mediaType/);
  refuses({ ...image, config: { ...config, Digest: layer.digest } }, /config: .* written digest/);
  refuses({ ...image, layers: [layer, { ...layer, URLs: [] }] }, /layers\[1\]: .* written urls/);
  refuses({ ...image, layers: [{ ...layer, platform: { OS: 'x' } }] }, /must be written os/);
  refuses(`\ufeff${text}`, /byte order mark/);
  refuses(text.replace('{', '{"__proto__":{},'), /__proto__/);
  refuses(text.slice(0, -1), /not valid JSON/);
  assert.equal(parse({ ...image, annotations: { A: '1', a: '2' } }).annotations['A'], '1');
});

test('a manifest of another shape is refused with the place', () => {
  const withLayer = (changes: object) => ({ ...image, layers: [{ ...layer, ...changes }] });
  const rows: [body: unknown, says: RegExp][] = [
    ['', /not valid JSON/],
    ['null', /manifest must be an object/],
    ['[]', /manifest must be an object/],
    ['"text"', /manifest must be an object/],
    ['{}', /neither/],
    [{ ...image, schemaVersion: undefined }, /schemaVersion must be 2/],
    [{ ...image, schemaVersion: '2' }, /schemaVersion must be 2/],
    [{ ...image, schemaVersion: 3 }, /schemaVersion must be 2/],
    [{ ...image, config: undefined }, /must have a config/],
    [{ ...image, config: null }, /config must be an object/],
    [{ ...image, config: [] }, /config must be an object/],
    [{ ...image, layers: undefined }, /must have layers/],
    [{ ...image, layers: {} }, /layers must be a list/],
    [{ ...image, layers: [null] }, /layers\[0\] must be an object/],
    [{ ...index, manifests: undefined }, /must have manifests/],
    [{ ...index, manifests: 'x' }, /manifests must be a list/],
    [{ ...image, annotations: [] }, /annotations must be an object/],
    [{ ...image, annotations: { a: 1 } }, /annotations\["a"\] must be a string/],
    [{ ...image, annotations: { a: '\0' } }, /annotations\["a"\] holds a character/],
    [{ ...image, annotations: { a: '\ud800' } }, /annotations\["a"\] holds a character/],
    [{ ...image, annotations: { '\0': '' } }, /cannot be kept/],
    [{ ...image, artifactType: 1 }, /artifactType must be a string/],
    [{ ...image, artifactType: 'a b' }, /"a b" is not a media type/],
    [{ ...image, subject: 'x' }, /subject must be an object/],
    [{ ...image, subject: { ...child, digest: 'x' } }, /subject.digest: "x" is not a digest/],
    [withLayer({ mediaType: '' }), /layers\[0\].mediaType: "" is not a media type/],
    [withLayer({ mediaType: undefined }), /mediaType must be a string/],
    [withLayer({ mediaType: `a/${'x'.repeat(300)}` }), /is not a media type/],
    [withLayer({ digest: undefined }), /digest must be a string/],
    [withLayer({ digest: `sha384:${'a'.repeat(96)}` }), /"sha384" is not supported/],
    [withLayer({ digest: layer.digest.toUpperCase() }), /is not a digest/],
    [withLayer({ size: undefined }), /size must be a number/],
    [withLayer({ size: -1 }), /size must be a number/],
    [withLayer({ size: 1.5 }), /size must be a number/],
    [withLayer({ size: 2 ** 53 }), /size must be a number/],
    [withLayer({ size: '5' }), /size must be a number/],
    [withLayer({ urls: 'https://example.com' }), /urls must be a list/],
    [withLayer({ urls: [1] }), /urls\[0\] must be a string/],
    [withLayer({ platform: 'linux' }), /platform must be an object/],
    [withLayer({ platform: { os: 1 } }), /platform.os must be a string/],
    [withLayer({ platform: { 'os.features': [1] } }), /os.features\[0\] must be a string/],
    [withLayer({ data: 'bGF5ZXI' }), /data must be base64/],
    [withLayer({ data: 'b3RoZXI=' }), /data is not the content/],
    [withLayer({ data: 'bGF5ZXI=', size: 6 }), /data is not the content/],
  ];
  for (const [body, says] of rows) refuses(body, says);
});

test('ten thousand children are read, and more refused', () => {
  const manifests = Array.from({ length: 10_000 }, (_, i) => blob(`${i}`, OCI_IMAGE_MANIFEST));

  assert.equal(parse({ ...index, manifests }).children.length, 10_000);
  refuses({ ...index, manifests: [...manifests, child] }, /10001 entries, more than 10000/);
  refuses(
    { ...index, manifests: Array.from({ length: 1_000_000 }, () => ({})) },
    /more than \d+ values/,
  );
});
