/**
 * Where an operation differs from Harbor's, on purpose or for now: what the comparison finds, and why it is so.
 */
export const DIFFERENCES: Record<string, Record<string, string>> = {
  'GET /projects/{project_name_or_id}/summary': {
    'reply.registry is missing': 'not built yet',
  },
};
