import assert from 'node:assert/strict';
import { test } from 'node:test';

import { sql } from 'kysely';

import { createDatabase, open } from '../../../test/harness/database.ts';
import { imageManifest, mediaType } from '../../../test/harness/registry.ts';
import { digestOf, digestToBytes } from '../../oci/digest.ts';
import { parseManifest } from '../../oci/manifest.ts';
import { listMigrations, migrate } from '../../platform/db/migrate.ts';
import { ACCESSORY_TYPES, findAccessory, findConfigMediaType } from './classify.ts';

const index = (also: object) =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaType.OCI_IMAGE_INDEX,
      manifests: [],
      ...also,
    }),
  );
const layer = (type: string, annotations = {}) => ({
  mediaType: type,
  digest: digestOf('layer'),
  size: 5,
  annotations,
});
const config = (type: string) => ({ mediaType: type, digest: digestOf('{}'), size: 2 });
const subject = {
  mediaType: mediaType.OCI_IMAGE_MANIFEST,
  digest: digestOf('subject'),
  size: 7,
};
const signatureTag = `${digestOf('signed').replace(':', '-')}.sig`;
const cosignLayer = layer('application/vnd.dev.cosign.simplesigning.v1+json');
const bundle = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const notary = 'application/vnd.cncf.notary.signature';

/** Manifests of every kind, with their tag. */
const MANIFESTS: [bytes: Buffer, tag?: string][] = [
  [imageManifest(), 'v1'],
  [imageManifest({ also: { config: config('application/vnd.cncf.helm.config.v1+json') } })],
  [imageManifest({ also: { config: config('application/vnd.acme.widget.config.v1+json') } })],
  [imageManifest({ also: { artifactType: 'application/vnd.acme.thing' } })],
  [imageManifest({ also: { annotations: { 'module.wasm.image/variant': 'compat' } } })],
  [imageManifest({ also: { annotations: { 'run.oci.handler': 'wasm' } } })],
  [imageManifest({ also: { annotations: { odd: 'back \\ slash', 'run.oci.handler': 'other' } } })],
  [index({})],
  [index({ artifactType: 'application/vnd.acme.thing' })],
  [
    index({
      annotations: { 'org.opencontainers.artifactType': 'application/vnd.cnab.manifest.v1' },
    }),
  ],
  [index({ subject })],
  [imageManifest({ also: { subject } })],
  [imageManifest({ also: { subject, artifactType: notary } })],
  [imageManifest({ also: { subject, artifactType: bundle } })],
  [imageManifest({ also: { subject, artifactType: 'application/vnd.goharbor.harbor.sbom.v1' } })],
  [
    imageManifest({
      also: {
        subject,
        layers: [layer('x/y', { 'containerd.io/snapshot/nydus-bootstrap': 'true' })],
      },
    }),
  ],
  [imageManifest({ also: { layers: [cosignLayer] } }), signatureTag],
  [imageManifest({ layers: ['no signature'] }), signatureTag.replace('a', 'b')],
];

test('what was pushed before artifacts were listed is shown as what is pushed since', async (t) => {
  const db = open(await createDatabase(t, { isEmpty: true }), 2);
  t.after(() => db.destroy());
  const all = listMigrations();
  const first = all.findIndex(
    ({ name }) => name.endsWith('-artifacts') && name !== '0005-artifacts',
  );
  await migrate(db, all.slice(0, first));
  await sql`insert into repository (project_id, name, first_pushed_at) values (1, 'library/app', now())`.execute(
    db,
  );
  for (const [bytes, tag] of MANIFESTS) {
    const manifest = parseManifest(bytes, undefined);
    const subjectBytes = manifest.subject && digestToBytes(manifest.subject.digest);
    await sql`
      with m as (
        insert into manifest (repository_id, project_id, digest, kind, media_type, artifact_type, subject_digest,
                              annotations, size_bytes)
        select id, 1, ${digestToBytes(digestOf(bytes))}, ${manifest.kind}, ${manifest.mediaType},
               ${manifest.artifactType ?? null}, ${subjectBytes ?? null}, ${JSON.stringify(manifest.annotations)}::jsonb,
               ${bytes.length}
        from repository returning id, repository_id
      ), b as (
        insert into manifest_bytes (manifest_id, bytes) select id, ${bytes} from m
      )
      insert into tag (repository_id, name, manifest_id)
      select repository_id, ${tag ?? ''}, id from m where ${tag !== undefined}`.execute(db);
  }

  await migrate(db, all);
  const { rows } = await sql<{
    config_media_type: string;
    accessory_type: string;
    accessory_of: Buffer;
  }>`
    select config_media_type, accessory_type, accessory_of from manifest order by id`.execute(db);
  const counted = await sql<{
    artifact_count: number;
  }>`select artifact_count from repository`.execute(db);

  const wanted = MANIFESTS.map(([bytes, tag]) => {
    const manifest = parseManifest(bytes, undefined);
    const accessory = findAccessory(manifest, tag === undefined ? [] : [tag]);
    return {
      config_media_type: findConfigMediaType(manifest),
      accessory_type: accessory?.type ?? null,
      accessory_of: accessory === undefined ? null : digestToBytes(accessory.of),
    };
  });
  assert.deepEqual(rows, wanted);
  const accessories = wanted.flatMap(({ accessory_type }) => accessory_type ?? []);
  assert.deepEqual(new Set(accessories), new Set(ACCESSORY_TYPES));
  assert.equal(counted.rows[0]!.artifact_count, MANIFESTS.length - accessories.length);
});
