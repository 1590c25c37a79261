export {
  deleteBlob,
  findBlobSource,
  forgetBlobDeletion,
  insertBlobDeletion,
  insertBlobDeletions,
  loseBlobs,
  mountBlob,
  putBlob,
  relocateBlobs,
  touchBlob,
  type BlobSource,
  type RelocatedBlob,
  type WholeBlob,
} from './store/blobs.ts';
export { listReferrers, storeManifest, type ReferrerRow } from './store/manifests.ts';
export { deleteManifest } from './store/delete-manifests.ts';
export {
  ensureRepository,
  isRepository,
  listRepositoryNames,
  renameRepositories,
} from './store/repositories.ts';
export { additionRoutes } from './addition-routes.ts';
export { artifactRoutes } from './artifact-routes.ts';
export { copyRoutes } from './copy-routes.ts';
export { artifactLabelRoutes } from './label-routes.ts';
export { openPullCounter } from './count-pulls.ts';
export { iconRoutes } from './icon-routes.ts';
export { tagRoutes } from './tag-routes.ts';
export { repositoryCounting } from './jobs.ts';
export { repositoryRoutes } from './repository-routes.ts';
export {
  listPurgeable,
  purgeManifests,
  purgeTags,
  removeEmptyRepositories,
  retireRepositories,
} from './store/purge.ts';
export {
  lockRepositoryById,
  restoreManifests,
  restoreRepository,
  restoreTag,
} from './store/restore.ts';
export { deleteTag, listTagNames } from './store/tags.ts';
export {
  listForRemoval,
  markBlobsDamaged,
  repairManifestBytes,
  unmarkBlob,
} from './store/damage.ts';
export {
  keepBlobBytes,
  nominateBlobs,
  relinkManifest,
  repointTags,
  showRepositories,
  type LackingReferences,
} from './store/repair-rows.ts';
export { openArtifactLookups, type FoundBlob, type FoundManifest } from './store/lookups.ts';
export {
  claimBlobDeletions,
  collectBlobs,
  findReclaimable,
  finishBlobDeletions,
  postponeBlobDeletion,
  type Reclaimable,
} from './store/collection.ts';
