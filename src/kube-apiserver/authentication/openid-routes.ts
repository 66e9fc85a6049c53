import { offThread } from "../../component-base/off-thread.ts";
import type { NonResourceRoute } from "../../apiserver/server/generic-api-server-options.ts";
import type { NamedTokenKey } from "./json-web-token.ts";

const jwksPath = "/openid/v1/jwks";

/** The documents with which others verify this cluster's service account tokens. */
export async function openIdRoutes(
  issuer: string,
  keys: readonly NamedTokenKey[],
): Promise<readonly NonResourceRoute[]> {
  const published = await Promise.all(
    keys.map(async ({ publicKey, id, algorithm }) => {
      const { kty, crv, x, y, n, e } = await offThread(crypto.subtle.exportKey("jwk", publicKey));
      return { use: "sig", kid: id, alg: algorithm, kty, crv, x, y, n, e };
    }),
  );
  const configuration = {
    issuer,
    jwks_uri: `${issuer}${jwksPath}`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [...new Set(keys.map((key) => key.algorithm))],
  };
  return [
    document("/.well-known/openid-configuration", "application/json", configuration),
    document(jwksPath, "application/jwk-set+json", { keys: published }),
  ];
}

function document(path: string, contentType: string, value: unknown): NonResourceRoute {
  const body = new TextEncoder().encode(JSON.stringify(value));
  const headers = { "content-type": contentType, "cache-control": "public, max-age=3600" };
  return { path, produces: contentType, handle: async () => ({ status: 200, headers, body }) };
}
