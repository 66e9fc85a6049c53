import { offThread } from "../../component-base/off-thread.ts";
import type { AuthenticationResult } from "../../apiserver/authentication/authenticator.ts";
import type { UserInfo } from "../../apiserver/authentication/user-info.ts";
import type { TokenAuthenticator } from "./service-account-token-authenticator.ts";

/** Tokens given at start, e.g. the one an agent joins with. */
export class StaticTokenAuthenticator implements TokenAuthenticator {
  /** SHA-256 of the token, as text → user: looking up a digest tells an attacker nothing by its timing. */
  readonly #users: ReadonlyMap<string, UserInfo>;

  private constructor(users: ReadonlyMap<string, UserInfo>) {
    this.#users = users;
  }

  static async create(tokens: ReadonlyMap<string, UserInfo>): Promise<StaticTokenAuthenticator> {
    const users = new Map<string, UserInfo>();
    for (const [token, user] of tokens) users.set(await digest(token), user);
    return new StaticTokenAuthenticator(users);
  }

  async authenticateToken(token: string): Promise<AuthenticationResult | undefined> {
    if (this.#users.size === 0) return undefined;
    const user = this.#users.get(await digest(token));
    return user && { user };
  }
}

async function digest(token: string): Promise<string> {
  return new Uint8Array(await offThread(crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)))).join(",");
}
