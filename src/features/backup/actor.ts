/** As whom the audit log knows whoever runs these commands. */
export const ACTOR = { actor: 'system:backup', client: '' };
