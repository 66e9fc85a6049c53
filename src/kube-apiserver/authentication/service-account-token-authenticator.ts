import type { Node, Pod, Secret, ServiceAccount } from "../../api/core/v1/types.gen.ts";
import type { AuthenticationResult } from "../../apiserver/authentication/authenticator.ts";
import type { UserInfo } from "../../apiserver/authentication/user-info.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { NamedTokenKey } from "./json-web-token.ts";
import { isRecord, unverifiedClaims, verifyToken } from "./json-web-token.ts";

/** A token of ours that does not hold: forged, outdated, for somebody else, or of an account or pod that is gone. */
export class InvalidTokenError extends Error {
  override readonly name = "InvalidTokenError";
}

/** Turns one kind of bearer token into a user. */
export interface TokenAuthenticator {
  /** Undefined when the token is not of this kind; rejects with InvalidTokenError when it is, but is not valid. */
  authenticateToken(token: string, audiences?: readonly string[]): Promise<AuthenticationResult | undefined>;
}

/** The objects a token may depend on. */
export interface TokenObjects {
  readonly serviceAccounts: Pick<StorageLister<ServiceAccount>, "get">;
  readonly pods: Pick<StorageLister<Pod>, "get">;
  readonly secrets: Pick<StorageLister<Secret>, "get">;
  readonly nodes: Pick<StorageLister<Node>, "get">;
}

// Tokens whose signature was found good; a check costs 0.1 ms and clients send the same token with every request.
const verifiedMax = 4096;
// An object marked for deletion still vouches for its tokens this long, so that what is shutting down can finish.
const deletionLeewayMs = 60_000;

/**
 * Service account tokens of this cluster's issuer. Every use checks expiry, audience and that the account, and the
 * object the token is bound to, still exist with the same uid.
 */
export class ServiceAccountTokenAuthenticator implements TokenAuthenticator {
  readonly #issuers: readonly string[];
  readonly #keys: readonly NamedTokenKey[];
  readonly #audiences: readonly string[];
  readonly #objects: TokenObjects;
  readonly #clock: Clock;
  readonly #verified = new Map<string, Readonly<Record<string, unknown>>>();

  constructor(options: {
    readonly issuers: readonly string[];
    readonly keys: readonly NamedTokenKey[];
    /** What the API server answers to when the caller names no audience. */
    readonly audiences: readonly string[];
    readonly objects: TokenObjects;
    readonly clock: Clock;
  }) {
    this.#issuers = options.issuers;
    this.#keys = options.keys;
    this.#audiences = options.audiences;
    this.#objects = options.objects;
    this.#clock = options.clock;
  }

  async authenticateToken(token: string, audiences = this.#audiences): Promise<AuthenticationResult | undefined> {
    let claims = this.#verified.get(token);
    if (!claims) {
      const issuer = unverifiedClaims(token)?.["iss"];
      if (typeof issuer !== "string" || !this.#issuers.includes(issuer)) return undefined;
      claims = await this.#verify(token);
    }
    const accepted = stringList(claims["aud"]).filter((audience) => audiences.includes(audience));
    if (accepted.length === 0) {
      throw new InvalidTokenError(
        `token audiences ${JSON.stringify(claims["aud"])} is invalid for the target audiences ${JSON.stringify(audiences)}`,
      );
    }
    this.#checkTimes(claims);
    return { user: this.#userOf(claims), audiences: accepted };
  }

  async #verify(token: string): Promise<Readonly<Record<string, unknown>>> {
    const claims = await verifyToken(token, this.#keys);
    if (!claims) throw new InvalidTokenError("invalid signature");
    if (this.#verified.size >= verifiedMax) this.#verified.clear();
    this.#verified.set(token, claims);
    return claims;
  }

  #checkTimes(claims: Readonly<Record<string, unknown>>): void {
    const nowSeconds = this.#clock.now() / 1000;
    const { exp, nbf } = claims;
    if (typeof exp !== "number" || nowSeconds >= exp) throw new InvalidTokenError("service account token has expired");
    if (typeof nbf === "number" && nowSeconds < Math.floor(nbf) - 1) {
      throw new InvalidTokenError("service account token is not valid yet");
    }
  }

  #userOf(claims: Readonly<Record<string, unknown>>): UserInfo {
    const bound = claims["kubernetes.io"];
    if (!isRecord(bound) || typeof bound["namespace"] !== "string")
      throw new InvalidTokenError("token has no namespace");
    const namespace = bound["namespace"];
    const account = identity(bound["serviceaccount"]);
    if (!account) throw new InvalidTokenError("token has no service account");
    const name = `system:serviceaccount:${namespace}:${account.name}`;
    if (claims["sub"] !== name) throw new InvalidTokenError("token subject does not match its service account");
    const objects = this.#objects;
    this.#checkAlive("service account", objects.serviceAccounts.get(namespace, account.name), account);
    const pod = identity(bound["pod"]);
    const secret = identity(bound["secret"]);
    const node = identity(bound["node"]);
    if (pod) this.#checkAlive("pod", objects.pods.get(namespace, pod.name), pod);
    if (secret) this.#checkAlive("secret", objects.secrets.get(namespace, secret.name), secret);
    // A pod's token names the node as a fact only; a token bound to the node itself dies with it.
    if (node && !pod) this.#checkAlive("node", objects.nodes.get("", node.name), node);
    return {
      name,
      uid: account.uid,
      groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`],
      extra: {
        ...(typeof claims["jti"] === "string"
          ? { "authentication.kubernetes.io/credential-id": [`JTI=${claims["jti"]}`] }
          : {}),
        ...extraOf("pod", pod),
        ...extraOf("node", node),
      },
    };
  }

  #checkAlive(what: string, object: ServiceAccount | Pod | Secret | Node | undefined, expected: Identity): void {
    if (!object) throw new InvalidTokenError(`${what} ${expected.name} has been deleted`);
    if (object.metadata.uid !== expected.uid) {
      throw new InvalidTokenError(`${what} UID (${object.metadata.uid}) does not match claim (${expected.uid})`);
    }
    const deleted = object.metadata.deletionTimestamp;
    if (deleted && Date.parse(deleted) < this.#clock.now() - deletionLeewayMs) {
      throw new InvalidTokenError(`${what} ${expected.name} has been deleted`);
    }
  }
}

interface Identity {
  readonly name: string;
  readonly uid: string;
}

function identity(value: unknown): Identity | undefined {
  if (!isRecord(value) || typeof value["name"] !== "string" || typeof value["uid"] !== "string") return undefined;
  return { name: value["name"], uid: value["uid"] };
}

function extraOf(what: "pod" | "node", object: Identity | undefined): Readonly<Record<string, readonly string[]>> {
  if (!object) return {};
  return {
    [`authentication.kubernetes.io/${what}-name`]: [object.name],
    [`authentication.kubernetes.io/${what}-uid`]: [object.uid],
  };
}

function stringList(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}
