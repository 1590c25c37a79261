import { permissionRoutes } from '../features/access/index.ts';
import {
  additionRoutes,
  artifactLabelRoutes,
  artifactRoutes,
  copyRoutes,
  iconRoutes,
  repositoryRoutes,
  tagRoutes,
} from '../features/artifacts/index.ts';
import { auditExportRoutes, auditRoutes } from '../features/audit/index.ts';
import {
  profileRoutes,
  robotRoutes,
  sessionRoutes,
  signInRoutes,
  userGroupRoutes,
  userRoutes,
} from '../features/accounts/index.ts';
import { distributionRoutes } from '../features/distribution/index.ts';
import { labelRoutes } from '../features/labels/index.ts';
import {
  allowlistRoutes,
  memberRoutes,
  metadataRoutes,
  projectRoutes,
  summaryRoutes,
} from '../features/projects/index.ts';
import { settingRoutes } from '../features/settings/index.ts';
import { quotaRoutes } from '../features/quotas/index.ts';
import {
  healthRoutes,
  searchRoutes,
  statisticRoutes,
  systemInfoRoutes,
  versionRoutes,
} from '../features/system/index.ts';
import { trashRoutes } from '../features/trash/index.ts';
import type { Routes } from '../platform/http/routes.ts';

/** Every room's routes under Harbor's `/api/v2.0`. */
export const apiRoutes: Routes[] = [
  healthRoutes,
  systemInfoRoutes,
  searchRoutes,
  statisticRoutes,
  permissionRoutes,
  settingRoutes,
  userRoutes,
  profileRoutes,
  sessionRoutes,
  userGroupRoutes,
  robotRoutes,
  projectRoutes,
  memberRoutes,
  metadataRoutes,
  summaryRoutes,
  allowlistRoutes,
  labelRoutes,
  quotaRoutes,
  repositoryRoutes,
  artifactRoutes,
  tagRoutes,
  artifactLabelRoutes,
  copyRoutes,
  additionRoutes,
  iconRoutes,
  auditRoutes,
  auditExportRoutes,
  trashRoutes,
];

/** Routes with paths of their own. */
export const rootRoutes: Routes[] = [distributionRoutes, signInRoutes, versionRoutes];
