import { Refusal, type RefusalCode } from '../../lib/errors.ts';
import type { Platform } from '../../platform/index.ts';
import type { WaitingClient } from '../../platform/http/waiting-client.ts';
import { callerName, type Caller } from '../access/index.ts';
import { isLogged } from '../settings/index.ts';
import { signIn, type Attempt, type SignInPlatform } from './sign-in.ts';

type RecordPlatform = Pick<Platform, 'lookups' | 'recorder'>;

/** `signIn`, written down for the audit log, however it ends. */
export async function signInOnRecord(
  platform: SignInPlatform & RecordPlatform,
  attempt: Attempt,
): Promise<Caller> {
  const { username, client } = attempt;
  const caller = await onRefusal(signIn(platform, attempt), (code) =>
    recordSignIn(platform, username, client, code),
  );
  await recordSignIn(platform, callerName(caller), client);
  return caller;
}

/** Lets wrong credentials be written down. */
export async function onRefusal<T>(
  work: Promise<T>,
  tell: (code: RefusalCode) => Promise<void>,
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isWrong = error instanceof Refusal && (error.status === 401 || error.status === 429);
    if (isWrong) await tell(error.code);
    throw error;
  }
}

/** `username` is who it is, or with a code who it was said to be. */
export async function recordSignIn(
  { lookups, recorder }: RecordPlatform,
  username: string,
  client: WaitingClient,
  result?: RefusalCode,
): Promise<void> {
  const actor = username.slice(0, 255);
  if (!(await isLogged(lookups, 'login_user'))) return;
  recorder.record({
    type: 'user.signed_in',
    subject: { user: actor },
    actor,
    client: client.description,
    result,
  });
}
