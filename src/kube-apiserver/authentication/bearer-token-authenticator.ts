import { unauthorized } from "../../apimachinery/errors/new.ts";
import type { AuthenticationResult, Authenticator } from "../../apiserver/authentication/authenticator.ts";
import type { HttpRequest } from "../../component-base/http.ts";
import type { TokenAuthenticator } from "./service-account-token-authenticator.ts";
import { InvalidTokenError } from "./service-account-token-authenticator.ts";

// A WebSocket client in a browser cannot set headers; it sends its token as a subprotocol.
const webSocketPrefix = "base64url.bearer.authorization.k8s.io.";

/** `Authorization: Bearer …` against several kinds of tokens. */
export class BearerTokenAuthenticator implements Authenticator {
  readonly #authenticators: readonly TokenAuthenticator[];

  constructor(authenticators: readonly TokenAuthenticator[]) {
    this.#authenticators = authenticators;
  }

  async authenticate(request: HttpRequest): Promise<AuthenticationResult | undefined> {
    const token = bearerToken(request);
    if (token === undefined) return undefined;
    try {
      for (const authenticator of this.#authenticators) {
        const result = await authenticator.authenticateToken(token);
        if (result) return result;
      }
    } catch (error) {
      // The client is told no more than that, so that it learns nothing about other tokens.
      if (error instanceof InvalidTokenError) throw unauthorized();
      throw error;
    }
    throw unauthorized();
  }
}

function bearerToken(request: HttpRequest): string | undefined {
  const match = /^bearer +(\S+) *$/i.exec(request.headers["authorization"] ?? "");
  if (match?.[1]) return match[1];
  if (request.headers["upgrade"]?.toLowerCase() !== "websocket") return undefined;
  const protocols = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((protocol) => protocol.trim());
  const encoded = protocols.find((protocol) => protocol.startsWith(webSocketPrefix))?.slice(webSocketPrefix.length);
  if (!encoded || !/^[A-Za-z0-9_-]+$/.test(encoded) || encoded.length % 4 === 1) return undefined;
  return atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
}
