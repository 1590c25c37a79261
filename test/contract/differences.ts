/** As in a Harbor without a scanner. */
const NO_SCANNER = 'nothing is scanned yet, so no artifact has an overview of a scan';

/**
 * Where an operation differs from Harbor's, on purpose or for now: what the comparison finds, and why it is so.
 */
export const DIFFERENCES: Record<string, Record<string, string>> = {
  'GET /projects/{project_name}/repositories/{repository_name}/artifacts': {
    'reply[].scan_overview is missing': NO_SCANNER,
    'reply[].sbom_overview is missing': NO_SCANNER,
  },
  'GET /projects/{project_name}/repositories/{repository_name}/artifacts/{reference}': {
    'reply.scan_overview is missing': NO_SCANNER,
    'reply.sbom_overview is missing': NO_SCANNER,
  },
  'GET /projects/{project_name_or_id}/artifacts': {
    'reply[].scan_overview is missing': NO_SCANNER,
    'reply[].sbom_overview is missing': NO_SCANNER,
  },
  'GET /projects/{project_name_or_id}/summary': {
    'reply.registry is missing': 'not built yet',
  },
};
