import * as http from "node:http";
import type { AddressInfo } from "node:net";

import { assert } from "../../component-base/assert.ts";
import type { Blob, OciImage } from "./oci-image.ts";

export interface RegistryStubOptions {
  /** By repository and tag or digest, as they come after `/v2/`. */
  readonly images: Readonly<Record<string, OciImage>>;
  /** Asked for with every request: by HTTP Basic, or by the token flow that large registries use. */
  readonly credentials?: { readonly username: string; readonly password: string; readonly flow: "basic" | "bearer" };
  /** Called before each answer; a status it resolves to is the answer instead. For delays and failures. */
  readonly intercept?: (method: string, path: string) => Promise<number | undefined>;
}

export interface RegistryStub extends AsyncDisposable {
  /** `127.0.0.1:<port>`: runtimes speak plain HTTP to loopback registries. */
  readonly host: string;
  /** `GET /v2/app/manifests/1`, in order. */
  readonly requests: readonly string[];
}

const token = "token-of-the-stub";

/** The pull side of a registry (OCI distribution), in this process, for tests. Keys of `images` look like `app:1`. */
export async function startRegistryStub(options: RegistryStubOptions): Promise<RegistryStub> {
  const requests: string[] = [];
  const server = http.createServer((request, response) => {
    const { method = "GET", url = "/" } = request;
    requests.push(`${method} ${url}`);
    void answer(options, host, method, url, request.headers.authorization).then(({ status, headers, body }) => {
      response.writeHead(status, { "docker-distribution-api-version": "registry/2.0", ...headers });
      response.end(method === "HEAD" ? undefined : body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address: AddressInfo | string | null = server.address();
  assert(address !== null && typeof address === "object", "not listening on TCP");
  const host = `127.0.0.1:${address.port}`;
  return {
    host,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | number>>;
  readonly body?: Uint8Array | string;
}

async function answer(
  options: RegistryStubOptions,
  host: string,
  method: string,
  url: string,
  authorization: string | undefined,
): Promise<Answer> {
  const path = url.replace(/\?.*$/, "");
  const intercepted = await options.intercept?.(method, path);
  if (intercepted !== undefined) return failure(intercepted, "UNKNOWN");
  const refusal = authenticate(options, host, path, authorization);
  if (refusal) return refusal;
  if (/^\/v2\/?$/.test(path)) return { status: 200, body: "{}" };
  const [, repository = "", kind, reference = ""] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? [];
  const blob = findBlob(options.images, repository, reference);
  if (!blob) return failure(404, kind === "blobs" ? "BLOB_UNKNOWN" : "MANIFEST_UNKNOWN");
  const headers = {
    "content-type": kind === "blobs" ? "application/octet-stream" : blob.mediaType,
    "content-length": blob.size,
    "docker-content-digest": blob.digest,
  };
  return { status: 200, headers, body: blob.data };
}

function findBlob(images: RegistryStubOptions["images"], repository: string, reference: string): Blob | undefined {
  if (!reference.startsWith("sha256:")) {
    const image = images[`${repository}:${reference}`];
    return image?.blobs.find((b) => b.digest === image.target.digest);
  }
  return Object.entries(images)
    .filter(([name]) => name.startsWith(`${repository}:`))
    .flatMap(([, image]) => image.blobs)
    .find((b) => b.digest === reference);
}

/** Undefined when the request may go on. The token's own address is answered here. */
function authenticate(
  { credentials }: RegistryStubOptions,
  host: string,
  path: string,
  authorization: string | undefined,
): Answer | undefined {
  if (!credentials) return undefined;
  const basic = `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
  if (credentials.flow === "basic") {
    if (authorization === basic) return undefined;
    return { ...failure(401, "UNAUTHORIZED"), headers: { "www-authenticate": 'Basic realm="stub"' } };
  }
  if (path === "/token") {
    return authorization === basic ? { status: 200, body: JSON.stringify({ token }) } : failure(401, "UNAUTHORIZED");
  }
  if (authorization === `Bearer ${token}`) return undefined;
  const challenge = `Bearer realm="http://${host}/token",service="stub",scope="repository:any:pull"`;
  return { ...failure(401, "UNAUTHORIZED"), headers: { "www-authenticate": challenge } };
}

function failure(status: number, code: string): Answer {
  return { status, body: JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] }) };
}
