import { utf8Encode } from "../../component-base/bytes.ts";
import type { HttpRequest, HttpResponse } from "../../component-base/http.ts";
import { encodeOpenApiV2 } from "../../apimachinery/openapi/protobuf.ts";
import { stringifyJson } from "../../apimachinery/json/stringify.ts";
import { notAcceptable } from "../../apimachinery/errors/new.ts";
import type { OpenApiProvider } from "../server/generic-api-server-options.ts";
import { hashOf, respondCacheable } from "./etag.ts";
import { parseAccept } from "./negotiation.ts";

interface Document {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

// A client that has the hash in its URL never needs to ask again.
const immutable = { "cache-control": "public, immutable" };

/** `/openapi/v2`, `/openapi/v3` and the documents the latter lists. Made on first demand. */
export class OpenApiEndpoints {
  readonly #provider: OpenApiProvider;
  readonly #documents = new Map<string, Promise<Document>>();

  constructor(provider: OpenApiProvider) {
    this.#provider = provider;
  }

  /** Undefined when the path is not ours. Throws NotAcceptable for clients that take protobuf alone. */
  async handle(request: HttpRequest): Promise<HttpResponse | undefined> {
    const { path, query } = request;
    if (path === "/openapi/v2") return this.#v2(request);
    if (path === "/openapi/v3" || path === "/openapi/v3/") return this.#answer(request, await this.#index(), {});
    if (!path.startsWith("/openapi/v3/")) return undefined;
    const name = path.slice("/openapi/v3/".length);
    if (!this.#provider.v3Paths().includes(name)) return { status: 404, headers: {}, body: [] };
    const document = await this.#document(`v3/${name}`, () => this.#provider.v3(name));
    const asked = query.get("hash");
    if (asked !== null && asked !== document.hash)
      return { status: 301, headers: { location: this.#url(name, document.hash) } };
    return this.#answer(request, document, asked === null ? {} : immutable);
  }

  /** These paths are told otherwise from now on, or no longer: their documents, and those of the whole, are made anew. */
  forget(paths: Iterable<string>): void {
    this.#documents.delete("v2");
    this.#documents.delete("v2/protobuf");
    this.#documents.delete("v3");
    for (const path of paths) this.#documents.delete(`v3/${path}`);
  }

  /** In JSON, or as the protobuf message older Go clients ask for. */
  async #v2(request: HttpRequest): Promise<HttpResponse> {
    const { accept } = request.headers;
    const [type] = accept
      ? parseAccept(accept)
          .map((clause) => clause.type)
          .filter((name) => v2Types.has(name))
      : [];
    if (type === undefined || !protobufTypes.has(type))
      return this.#answer(request, await this.#document("v2", () => this.#provider.v2()), {}, [...v2Types]);
    const make = async (): Promise<Uint8Array> => encodeOpenApiV2((await this.#provider.v2()) as object);
    const { bytes, hash } = await this.#document("v2/protobuf", make);
    return respondCacheable(bytes, hash, request.headers, { "content-type": protobufType });
  }

  #answer(
    request: HttpRequest,
    document: Document,
    more: Readonly<Record<string, string>>,
    supported: readonly string[] = ["application/json"],
  ): HttpResponse {
    const { accept } = request.headers;
    if (accept && !parseAccept(accept).some(({ type }) => jsonTypes.has(type))) throw notAcceptable(supported);
    return respondCacheable(document.bytes, document.hash, request.headers, {
      "content-type": "application/json",
      ...more,
    });
  }

  async #index(): Promise<Document> {
    return this.#document("v3", async () => {
      const paths: Record<string, { readonly serverRelativeURL: string }> = {};
      for (const name of this.#provider.v3Paths()) {
        const { hash } = await this.#document(`v3/${name}`, () => this.#provider.v3(name));
        paths[name] = { serverRelativeURL: this.#url(name, hash) };
      }
      return { paths };
    });
  }

  #url(name: string, hash: string): string {
    return `/openapi/v3/${name}?hash=${hash}`;
  }

  #document(key: string, make: () => unknown): Promise<Document> {
    let document = this.#documents.get(key);
    if (!document) {
      document = encode(make);
      this.#documents.set(key, document);
    }
    return document;
  }
}

const jsonTypes: ReadonlySet<string> = new Set(["application/json", "application/*", "*/*"]);
const protobufType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
// Clients ask for the second too, which is no valid media type: Go's parser refuses it, so no answer is called that.
const protobufTypes: ReadonlySet<string> = new Set([
  protobufType,
  "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
]);
const v2Types: ReadonlySet<string> = new Set([...jsonTypes, ...protobufTypes]);

async function encode(make: () => unknown): Promise<Document> {
  const made = await make();
  const bytes = made instanceof Uint8Array ? made : utf8Encode(stringifyJson(made));
  return { bytes, hash: await hashOf(bytes) };
}
