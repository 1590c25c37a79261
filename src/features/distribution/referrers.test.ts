import assert from 'node:assert/strict';
import { test } from 'node:test';

import { startApp } from '../../../test/harness.ts';
import type { Client } from '../../../test/harness/client.ts';
import {
  codesOf,
  digestOf,
  EMPTY,
  imageManifest,
  mediaType,
  must,
  pushBlob,
  pushImage,
  putManifest,
} from '../../../test/harness/registry.ts';
import { shareApp } from '../../../test/harness/share-app.ts';
import { referrersTag, type Digest } from '../../oci/digest.ts';

const shared = shareApp();

interface Listed {
  digest: string;
  mediaType: string;
  size: number;
  artifactType?: string;
  annotations?: Record<string, string>;
}

/** A manifest with this subject. */
function referrer(subject: { digest: string; bytes: Buffer }, also: object = {}): Buffer {
  const { digest, bytes } = subject;
  const descriptor = { mediaType: mediaType.OCI_IMAGE_MANIFEST, digest, size: bytes.length };
  return imageManifest({ also: { config: EMPTY, subject: descriptor, ...also } });
}

async function pushReferrer(client: Client, repository: string, bytes: Buffer, type?: string) {
  const pushed = await putManifest(client, repository, digestOf(bytes), bytes, type);
  assert.equal(pushed.statusCode, 201, pushed.body);
  return pushed;
}

const listed = (reply: { json: () => unknown }) =>
  (reply.json() as { manifests: Listed[] }).manifests;

test('referrers are listed with type, size, annotations; OCI-Subject says they are', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const subject = await pushImage(admin, 'library/app', 'v1');
  const annotations = { 'org.example': 'yes' };
  const typed = referrer(subject, { artifactType: 'application/vnd.sbom', annotations });
  const byConfig = referrer(subject, {
    config: { mediaType: 'application/vnd.signature', digest: digestOf('{}'), size: 2 },
  });
  const index = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.OCI_IMAGE_INDEX,
      manifests: [],
      subject: JSON.parse(typed.toString()).subject,
    }),
  );

  const pushed = await pushReferrer(admin, 'library/app', typed);
  await pushReferrer(admin, 'library/app', byConfig);
  await pushReferrer(admin, 'library/app', index, mediaType.OCI_IMAGE_INDEX);
  const reply = await admin.get(`/v2/library/app/referrers/${subject.digest}`);

  assert.equal(pushed.headers['oci-subject'], subject.digest);
  assert.deepEqual(
    [reply.statusCode, reply.headers['content-type']],
    [200, mediaType.OCI_IMAGE_INDEX],
  );
  assert.equal(reply.headers['oci-filters-applied'], undefined);
  const { schemaVersion, mediaType: type } = reply.json();
  assert.deepEqual([schemaVersion, type], [2, mediaType.OCI_IMAGE_INDEX]);
  const image = { mediaType: mediaType.OCI_IMAGE_MANIFEST };
  assert.deepEqual(listed(reply), [
    {
      ...image,
      digest: digestOf(typed),
      size: typed.length,
      artifactType: 'application/vnd.sbom',
      annotations,
    },
    {
      ...image,
      digest: digestOf(byConfig),
      size: byConfig.length,
      artifactType: 'application/vnd.signature',
    },
    { mediaType: mediaType.OCI_IMAGE_INDEX, digest: digestOf(index), size: index.length },
  ]);
});

test('a filter by artifact type is applied and said to be', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const subject = await pushImage(admin, 'library/filtered', 'v1');
  const [sbom, signature] = ['a/sbom+json', 'a/signature'].map((artifactType) =>
    referrer(subject, { artifactType }),
  ) as [Buffer, Buffer];
  await pushReferrer(admin, 'library/filtered', sbom);
  await pushReferrer(admin, 'library/filtered', signature);
  const ask = (type: string) =>
    admin.get(
      `/v2/library/filtered/referrers/${subject.digest}?artifactType=${encodeURIComponent(type)}`,
    );

  const found = await ask('a/sbom+json');
  const none = await ask('a/other');

  assert.deepEqual(
    listed(found).map(({ digest }) => digest),
    [digestOf(sbom)],
  );
  for (const { headers } of [found, none]) {
    assert.equal(headers['oci-filters-applied'], 'artifactType');
  }
  assert.deepEqual(listed(none), []);
});

test('a referrer may come before its subject, and survives it', async () => {
  const { as } = await shared();
  const admin = as('admin');
  await pushBlob(admin, 'library/early', '{}');
  const bytes = imageManifest();
  const subject = { bytes, digest: digestOf(bytes) };
  const early = referrer(subject);
  const list = async () =>
    listed(await admin.get(`/v2/library/early/referrers/${subject.digest}`)).length;

  await pushReferrer(admin, 'library/early', early);
  const before = await list();
  await putManifest(admin, 'library/early', 'v1', bytes);
  const during = await list();
  await admin.delete(`/v2/library/early/manifests/${subject.digest}`);
  const after = await list();

  assert.deepEqual([before, during, after], [1, 1, 1]);
});

test('an unknown repository or digest has no referrers: 200; a malformed digest is 400', async () => {
  const { as } = await shared();
  const admin = as('admin');
  await pushImage(admin, 'library/lonely', 'v1');

  for (const repository of ['library/lonely', 'library/never-pushed']) {
    const none = await admin.get(`/v2/${repository}/referrers/${digestOf('unknown')}`);
    const malformed = await admin.get(`/v2/${repository}/referrers/sha256:totally-wrong`);

    assert.deepEqual([none.statusCode, listed(none)], [200, []]);
    assert.deepEqual([malformed.statusCode, codesOf(malformed)], [400, ['DIGEST_INVALID']]);
  }
});

test('what an older client lists under a fallback tag is listed once', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const subject = await pushImage(admin, 'library/fallback', 'v1');
  const bytes = referrer(subject, { artifactType: 'a/sbom' });
  const entry = {
    mediaType: mediaType.OCI_IMAGE_MANIFEST,
    digest: digestOf(bytes),
    size: bytes.length,
  };
  const index = { schemaVersion: 2, mediaType: mediaType.OCI_IMAGE_INDEX, manifests: [entry] };
  await pushReferrer(admin, 'library/fallback', bytes);

  const tag = referrersTag(subject.digest);
  const fallback = Buffer.from(JSON.stringify(index));
  const pushed = await putManifest(admin, 'library/fallback', tag, fallback, index.mediaType);
  const reply = await admin.get(`/v2/library/fallback/referrers/${subject.digest}`);

  assert.equal(pushed.statusCode, 201);
  assert.deepEqual(
    listed(reply).map(({ digest }) => digest),
    [digestOf(bytes)],
  );
});

/** Pushes an index that lists `entries` under the referrers tag of `subject`, as an older client does. */
async function pushFallback(
  client: Client,
  repository: string,
  subject: Digest,
  entries: { digest: string; [member: string]: unknown }[],
) {
  const manifests = entries.map((entry) => ({
    mediaType: mediaType.OCI_IMAGE_MANIFEST,
    size: 100,
    ...entry,
  }));
  const index = { schemaVersion: 2, mediaType: mediaType.OCI_IMAGE_INDEX, manifests };
  const bytes = Buffer.from(JSON.stringify(index));
  must(await putManifest(client, repository, referrersTag(subject), bytes, index.mediaType), 201);
}

test('what only a fallback tag lists is folded in, with what the index says of it', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const subject = await pushImage(admin, 'library/folded', 'v1');
  const plain = await pushImage(admin, 'library/folded', 'plain', {
    also: { annotations: { own: 'yes', both: 'manifest' } },
  });
  const stranger = referrer({ digest: digestOf('another'), bytes: Buffer.from('another') });
  await pushReferrer(admin, 'library/folded', stranger);
  const descriptor = {
    digest: plain.digest,
    artifactType: 'a/sbom',
    annotations: { listed: 'yes', both: 'index' },
  };

  await pushFallback(admin, 'library/folded', subject.digest, [
    descriptor,
    { digest: digestOf(stranger) }, // it has another subject
    { digest: digestOf('not there') },
  ]);
  const all = await admin.get(`/v2/library/folded/referrers/${subject.digest}`);
  const path = `/v2/library/folded/referrers/${subject.digest}?artifactType=`;
  const matching = await admin.get(`${path}a%2Fsbom`);
  const other = await admin.get(`${path}a%2Fother`);
  await admin.delete(`/v2/library/folded/manifests/${referrersTag(subject.digest)}`);
  const after = await admin.get(`/v2/library/folded/referrers/${subject.digest}`);

  const expected = {
    mediaType: mediaType.OCI_IMAGE_MANIFEST,
    digest: plain.digest,
    size: plain.bytes.length,
    artifactType: 'a/sbom',
    annotations: { own: 'yes', both: 'index', listed: 'yes' },
  };
  assert.deepEqual([listed(all), listed(matching)], [[expected], [expected]]);
  assert.deepEqual([listed(other), listed(after)], [[], []]);
});

test('a fallback list finds what it lists, whichever comes first and when it comes again', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const subject = digestOf('the subject', 'sha512');
  const bytes = imageManifest({ also: { annotations: { number: 'one' } } });
  const list = async () =>
    listed(await admin.get(`/v2/library/late/referrers/${subject}`)).map(({ digest }) => digest);
  await pushBlob(admin, 'library/late', '{}');

  await pushFallback(admin, 'library/late', subject, [{ digest: digestOf(bytes) }]);
  const before = await list();
  await putManifest(admin, 'library/late', digestOf(bytes), bytes);
  const pushed = await list();
  await admin.delete(`/v2/library/late/manifests/${digestOf(bytes)}`);
  const deleted = await list();
  await putManifest(admin, 'library/late', digestOf(bytes), bytes);
  const again = await list();

  assert.deepEqual(
    [before, pushed, deleted, again],
    [[], [digestOf(bytes)], [], [digestOf(bytes)]],
  );
});

test('a referrer that is deleted is not listed any more', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const subject = await pushImage(admin, 'library/unlisted', 'v1');
  const bytes = referrer(subject);
  await pushReferrer(admin, 'library/unlisted', bytes);

  await admin.delete(`/v2/library/unlisted/manifests/${digestOf(bytes)}`);

  assert.deepEqual(listed(await admin.get(`/v2/library/unlisted/referrers/${subject.digest}`)), []);
});

/** Follows the links from a first page; answers the digests of each page. */
async function followLinks(client: Client, first: string): Promise<string[][]> {
  const pages: string[][] = [];
  for (let url: string | undefined = first; url !== undefined;) {
    const reply = await client.get(url);
    assert.equal(reply.statusCode, 200);
    pages.push(listed(reply).map(({ digest }) => digest));
    url = /^<(.*)>; rel="next"$/.exec((reply.headers.link as string | undefined) ?? '')?.[1];
  }
  return pages;
}

test('the links of the pages lead to every referrer once, with the filter kept', async () => {
  const { as } = await shared();
  const admin = as('admin');
  const subject = await pushImage(admin, 'library/paged', 'v1');
  const digests: string[] = [];
  for (let number = 0; number < 7; number++) {
    const bytes = referrer(subject, {
      artifactType: 'a/b+c',
      annotations: { number: String(number) },
    });
    await pushReferrer(admin, 'library/paged', bytes);
    digests.push(digestOf(bytes));
  }
  await pushReferrer(admin, 'library/paged', referrer(subject, { artifactType: 'a/other' }));
  const filter = `artifactType=${encodeURIComponent('a/b+c')}`;

  const pages = await followLinks(
    admin,
    `/v2/library/paged/referrers/${subject.digest}?n=3&${filter}`,
  );

  assert.deepEqual(
    pages.map((page) => page.length),
    [3, 3, 1],
  );
  assert.deepEqual(pages.flat(), digests);
});

test('a page is cut by what a fallback list says of its entries, too', async (t) => {
  const { as } = await startApp(t);
  const admin = as('admin');
  const subject = digestOf('the subject');
  const entries = [];
  for (let number = 0; number < 6; number++) {
    const also = { annotations: { number: String(number) } };
    const { digest } = await pushImage(admin, 'library/app', undefined, { also });
    entries.push({ digest, annotations: { large: 'x'.repeat(640_000) } });
  }
  await pushFallback(admin, 'library/app', subject, entries);

  const pages = await followLinks(admin, `/v2/library/app/referrers/${subject}`);

  assert.deepEqual(
    pages.map((page) => page.length),
    [4, 2],
  );
});

test('a page is cut by size, so that no client is sent more than it must take', async (t) => {
  const { as } = await startApp(t);
  const admin = as('admin');
  const subject = await pushImage(admin, 'library/app', 'v1');
  for (let number = 0; number < 6; number++) {
    const annotations = { number: String(number), large: 'x'.repeat(1_000_000) };
    await pushReferrer(admin, 'library/app', referrer(subject, { annotations }));
  }
  const huge = referrer(subject, { annotations: { large: 'x'.repeat(3_900_000) } });
  await pushReferrer(admin, 'library/app', huge);

  const pages = await followLinks(admin, `/v2/library/app/referrers/${subject.digest}`);

  assert.deepEqual(
    pages.map((page) => page.length),
    [3, 3, 1],
  );
  assert.equal(new Set(pages.flat()).size, 7);
});
