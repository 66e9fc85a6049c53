import type { AuthenticationResult, Authenticator } from "../../apiserver/authentication/authenticator.ts";
import { utf8Decode } from "../../component-base/bytes.ts";
import type { HttpHeaders, HttpRequest } from "../../component-base/http.ts";

/** In which headers a front proxy tells in whose name it asks. Names of headers in lower case. */
export interface RequestHeaders {
  /** PEM of the authority of front proxies. */
  readonly clientCa: string;
  /** The common names of front proxies; any when empty. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** Believes front proxies whom they ask for. */
export class RequestHeaderAuthenticator implements Authenticator {
  readonly #names: RequestHeaders;

  constructor(names: RequestHeaders) {
    this.#names = names;
  }

  async authenticate({ peer, headers }: HttpRequest): Promise<AuthenticationResult | undefined> {
    const { allowedNames, usernameHeaders, uidHeaders, groupHeaders, extraHeaderPrefixes } = this.#names;
    if (peer.frontProxy === undefined) return undefined;
    if (allowedNames.length > 0 && !allowedNames.includes(peer.frontProxy)) return undefined;
    const [name] = valuesOf(headers, usernameHeaders);
    if (name === undefined) return undefined;
    const [uid] = valuesOf(headers, uidHeaders);
    const extra: Record<string, readonly string[]> = {};
    for (const prefix of extraHeaderPrefixes)
      for (const header of Object.keys(headers)) {
        if (!header.startsWith(prefix)) continue;
        const key = decodedKey(header.slice(prefix.length));
        extra[key] = [...(extra[key] ?? []), ...linesOf(headers[header])];
      }
    return {
      user: {
        name,
        groups: valuesOf(headers, groupHeaders),
        ...(uid === undefined ? {} : { uid }),
        ...(Object.keys(extra).length > 0 ? { extra } : {}),
      },
    };
  }
}

/** All values of these headers that are not empty. */
function valuesOf(headers: HttpHeaders, names: readonly string[]): readonly string[] {
  return names.flatMap((name) => linesOf(headers[name])).filter((value) => value !== "");
}

/** Headers are bytes, which arrive as characters of one byte each. */
function linesOf(value: string | undefined): readonly string[] {
  if (value === undefined) return [];
  return value.split("\n").map((line) => utf8Decode(Uint8Array.from(line, (character) => character.charCodeAt(0))));
}

/** Keys are percent-encoded, as names of headers allow less than they; what is not, counts as it is. */
function decodedKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}
