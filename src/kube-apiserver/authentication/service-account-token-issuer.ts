import type { Clock } from "../../component-base/clock.ts";
import type { Random } from "../../component-base/random.ts";
import { randomUuid } from "../../component-base/random.ts";
import type { NamedTokenKey } from "./json-web-token.ts";
import { signToken } from "./json-web-token.ts";

interface ObjectIdentity {
  readonly name: string;
  readonly uid: string;
}

/** Whom a token is for, and what must go on existing for it to stay valid. */
export interface TokenSubject {
  readonly namespace: string;
  readonly serviceAccount: ObjectIdentity;
  readonly pod?: ObjectIdentity;
  readonly secret?: ObjectIdentity;
  readonly node?: ObjectIdentity;
}

/** Makes service account tokens: JSON web tokens with upstream's claims. */
export class ServiceAccountTokenIssuer {
  readonly #issuer: string;
  readonly #key: NamedTokenKey;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: {
    readonly issuer: string;
    readonly key: NamedTokenKey;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#issuer = options.issuer;
    this.#key = options.key;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  async issue(
    subject: TokenSubject,
    audiences: readonly string[],
    expirationSeconds: number,
  ): Promise<{ readonly token: string; readonly expirationTimestamp: string }> {
    const nowSeconds = Math.floor(this.#clock.now() / 1000);
    const expiry = nowSeconds + expirationSeconds;
    const { namespace, serviceAccount, pod, secret, node } = subject;
    const token = await signToken(this.#key, {
      aud: audiences,
      exp: expiry,
      iat: nowSeconds,
      iss: this.#issuer,
      jti: randomUuid(this.#random),
      "kubernetes.io": {
        namespace,
        ...(node ? { node } : {}),
        ...(pod ? { pod } : {}),
        ...(secret ? { secret } : {}),
        serviceaccount: serviceAccount,
      },
      nbf: nowSeconds,
      sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    });
    return { token, expirationTimestamp: new Date(expiry * 1000).toISOString().replace(".000Z", "Z") };
  }
}
