import type { Us } from './peer.ts';

/** A token is used for this long, then another one is asked for: they live for ten minutes. */
const FRESH_MS = 4 * 60_000;
const AT_ONCE = 16;

/** Bearer tokens as clients get them, one for each scope. */
export class Tokens {
  readonly #url: string;
  readonly #authorization: string;
  readonly #known = new Map<string, { header: string; issuedAt: number }>();

  constructor(port: number, { username, password }: Us['account']) {
    this.#url = `http://127.0.0.1:${port}/service/token`;
    this.#authorization = `Basic ${btoa(`${username}:${password}`)}`;
  }

  /** Values of the Authorization header, in the order of the scopes. */
  async get(scopes: string[]): Promise<string[]> {
    const stale = scopes.filter((scope) => !this.#isFresh(scope)).values();
    const ask = async () => {
      for (const scope of stale) await this.#ask(scope);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    return scopes.map((scope) => this.#known.get(scope)!.header);
  }

  #isFresh(scope: string): boolean {
    const known = this.#known.get(scope);
    return known !== undefined && known.issuedAt > Date.now() - FRESH_MS;
  }

  async #ask(scope: string): Promise<void> {
    const reply = await fetch(`${this.#url}?scope=${encodeURIComponent(scope)}`, {
      headers: { authorization: this.#authorization },
    });
    if (!reply.ok) throw new Error(`no token: ${reply.status} ${await reply.text()}`);
    const { token } = (await reply.json()) as { token: string };
    this.#known.set(scope, { header: `Bearer ${token}`, issuedAt: Date.now() });
  }
}
