import { isJsonObject } from "../apimachinery/object.ts";
import type { RemoteApiService, RemoteDocument, RemoteServers } from "./remote-servers.ts";

const timeoutMs = 60_000;
const asker = { name: "system:aggregator", groups: [] };

type Json = Readonly<Record<string, unknown>>;

/** A Swagger document, as far as it is looked into. */
export interface Swagger extends Json {
  readonly paths: Json;
  readonly definitions: Json;
}

/** What the server behind one APIService tells of its kinds in OpenAPI, kept until it tells something else. */
export class RemoteOpenApi {
  readonly #servers: RemoteServers;
  #v2: { readonly etag: string | undefined; readonly document: Swagger } | undefined;
  /** By path, with the hash in the URL it was told with. */
  #v3 = new Map<string, { readonly url: string; readonly document: unknown }>();

  constructor(servers: RemoteServers) {
    this.#servers = servers;
  }

  /** Undefined while nothing is known. */
  get v2(): Swagger | undefined {
    return this.#v2?.document;
  }

  /** `apis/metrics.k8s.io/v1beta1` → the document. */
  get v3(): ReadonlyMap<string, unknown> {
    return new Map([...this.#v3].map(([path, { document }]) => [path, document]));
  }

  /** Asks the server for what has changed. Rejects when it does not answer; what was known stays. Resolves to whether anything changed. */
  async refresh(object: RemoteApiService, signal: AbortSignal): Promise<boolean> {
    const changes = [await this.#refreshV3(object, signal), await this.#refreshV2(object, signal)];
    return changes.includes(true);
  }

  async #refreshV2(object: RemoteApiService, signal: AbortSignal): Promise<boolean> {
    const etag = this.#v2?.etag;
    const answer = await this.#get(object, "/openapi/v2", signal, etag === undefined ? {} : { "if-none-match": etag });
    if (answer.status === 304) return false;
    if (answer.status === 404) {
      const was = this.#v2;
      this.#v2 = undefined;
      return was !== undefined;
    }
    const { paths, definitions, ...rest } = parsed(answer) as Partial<Swagger>;
    const document: Swagger = { ...rest, paths: paths ?? {}, definitions: definitions ?? {} };
    this.#v2 = { etag: answer.headers["etag"], document };
    return true;
  }

  /** The documents of the APIService's group and version. Differs from upstream: of servers that have no v3, there is none. */
  async #refreshV3(object: RemoteApiService, signal: AbortSignal): Promise<boolean> {
    const { group = "", version = "" } = object.spec;
    const answer = await this.#get(object, "/openapi/v3", signal);
    const index = answer.status === 404 ? {} : (parsed(answer) as { readonly paths?: Json });
    const told = new Map<string, string>();
    for (const path of [`apis/${group}`, `apis/${group}/${version}`]) {
      const entry = index.paths?.[path];
      if (isJsonObject(entry) && typeof entry["serverRelativeURL"] === "string")
        told.set(path, entry["serverRelativeURL"]);
    }
    const next = new Map<string, { readonly url: string; readonly document: unknown }>();
    let hasChanged = told.size !== this.#v3.size;
    for (const [path, url] of told) {
      const known = this.#v3.get(path);
      if (known?.url !== url) hasChanged = true;
      next.set(path, known?.url === url ? known : { url, document: parsed(await this.#get(object, url, signal)) });
    }
    this.#v3 = next;
    return hasChanged;
  }

  #get(
    object: RemoteApiService,
    path: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string>> = {},
  ): ReturnType<RemoteServers["get"]> {
    const asked = { user: asker, headers: { accept: "application/json", ...headers }, timeoutMs, signal };
    return this.#servers.get(object, path, asked);
  }
}

function parsed({ status, text, url }: RemoteDocument & { readonly url: string }): unknown {
  if (status !== 200) throw new Error(`failed to retrieve openapi from ${url}, http error: ${status}`);
  return JSON.parse(text) as unknown;
}
