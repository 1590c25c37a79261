export {
  commitBlob,
  deleteBlob,
  findBlob,
  findBlobSource,
  forgetBlobDeletion,
  insertBlobDeletion,
  mountBlob,
  type BlobSource,
  type StoredBlob,
} from './store/blobs.ts';
export {
  deleteManifest,
  findManifest,
  findManifestBytes,
  listReferrers,
  pushManifest,
  type ReferrerRow,
  type StoredManifest,
} from './store/manifests.ts';
export {
  ensureRepository,
  findRepositoryId,
  listRepositoryNames,
  type RepositoryKey,
} from './store/repositories.ts';
export { repositoryRoutes } from './routes.ts';
export { deleteTag, listTagNames } from './store/tags.ts';
