import type { Secret } from "../../api/core/v1/types.gen.ts";
import type { AuthenticationResult } from "../../apiserver/authentication/authenticator.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { TokenAuthenticator } from "./service-account-token-authenticator.ts";

const secretType = "bootstrap.kubernetes.io/token";
const defaultGroup = "system:bootstrappers";
const groupName = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/**
 * Tokens `<id>.<secret>` by which new nodes join, each kept as the Secret `bootstrap-token-<id>` in kube-system. One that
 * is expired, or not for authentication, is unknown.
 */
export class BootstrapTokenAuthenticator implements TokenAuthenticator {
  readonly #secrets: Pick<StorageLister<Secret>, "get">;
  readonly #clock: Clock;

  constructor(options: { readonly secrets: Pick<StorageLister<Secret>, "get">; readonly clock: Clock }) {
    this.#secrets = options.secrets;
    this.#clock = options.clock;
  }

  async authenticateToken(token: string): Promise<AuthenticationResult | undefined> {
    const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    const stored = this.#secrets.get("kube-system", `bootstrap-token-${id}`);
    if (!stored || stored.type !== secretType || stored.metadata.deletionTimestamp) return undefined;
    const value = (key: string): string => atob(stored.data?.[key] ?? "");
    if (value("token-id") !== id || !isSame(value("token-secret"), secret)) return undefined;
    const expiration = value("expiration");
    // A date that cannot be read is one that has passed.
    if (expiration !== "" && !(Date.parse(expiration) > this.#clock.now())) return undefined;
    if (value("usage-bootstrap-authentication") !== "true") return undefined;
    const extra = value("auth-extra-groups")
      .split(",")
      .filter((group) => group !== "");
    if (!extra.every((group) => groupName.test(group))) return undefined;
    return { user: { name: `system:bootstrap:${id}`, groups: [defaultGroup, ...new Set(extra)] } };
  }
}

/** Takes as long for a near miss as for a far one. */
function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < b.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
