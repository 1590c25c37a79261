import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isForeignLayer, isMediaType, manifestKind, parseContentType } from './media-type.ts';

test('a media type tells images from indexes', () => {
  const rows: [mediaType: string, kind: string | undefined][] = [
    ['application/vnd.oci.image.manifest.v1+json', 'image'],
    ['application/vnd.docker.distribution.manifest.v2+json', 'image'],
    ['application/vnd.oci.image.index.v1+json', 'index'],
    ['application/vnd.docker.distribution.manifest.list.v2+json', 'index'],
    ['application/vnd.docker.distribution.manifest.v1+prettyjws', undefined],
    ['application/vnd.docker.distribution.manifest.v1+json', undefined],
    ['application/vnd.oci.artifact.manifest.v1+json', undefined],
    ['application/json', undefined],
    ['constructor', undefined],
    ['', undefined],
  ];
  for (const [mediaType, kind] of rows) assert.equal(manifestKind(mediaType), kind, mediaType);
});

test('a Content-Type is read without its parameters and in lower case', () => {
  const rows: [header: string | undefined, mediaType: string | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['application/json', 'application/json'],
    ['application/json; charset=utf-8', 'application/json'],
    [' Application/JSON ;charset="a;b"', 'application/json'],
    ['application/vnd.oci.image.index.v1+json', 'application/vnd.oci.image.index.v1+json'],
    ['application', undefined],
    ['application/', undefined],
    ['/json', undefined],
    ['a/b/c', undefined],
    ['a b/c', undefined],
    [';', undefined],
    ['application/json, text/plain', undefined],
    [`a/${'b'.repeat(128)}`, undefined],
    ['a/\u212a', undefined],
  ];
  for (const [header, mediaType] of rows) assert.equal(parseContentType(header), mediaType);
});

test('the layers that may live elsewhere are the foreign and the nondistributable ones', () => {
  for (const mediaType of [
    'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  ]) {
    assert.ok(isForeignLayer(mediaType));
  }
  assert.ok(!isForeignLayer('application/vnd.oci.image.layer.v1.tar+gzip'));
});

test('a media type follows RFC 6838, with or without parameters', () => {
  for (const text of [
    'text/plain',
    'application/vnd.oci.empty.v1+json',
    'application/vnd.dev.sigstore.bundle+json;version=0.2',
    'example/x!#$&^_.+-',
  ]) {
    assert.ok(isMediaType(text), text);
  }
  for (const text of [
    '',
    'text',
    'text/',
    '/x',
    '-a/b',
    'a/b\n',
    'a/b;\n',
    'a/b/c',
    'a/b c',
    'ü/x',
  ]) {
    assert.ok(!isMediaType(text), text);
  }
});
