import { deepEqual, isJsonObject } from "../apimachinery/object.ts";
import type { OpenApiProvider } from "../apiserver/server/generic-api-server-options.ts";
import type { Swagger } from "./remote-open-api.ts";

/** What is known of one version that another server serves. */
export interface RemoteVersion {
  /** `apis/metrics.k8s.io/v1beta1`. */
  readonly path: string;
  readonly v2: Swagger | undefined;
  readonly v3: ReadonlyMap<string, unknown>;
}

const reference = "#/definitions/";

/** The documents of this server's own kinds, and beside them those of other servers'. */
export class AggregatedOpenApi implements OpenApiProvider {
  readonly #own: OpenApiProvider;
  readonly #remote: () => readonly RemoteVersion[];

  /** `remote` gives the versions that are other servers', in the order of their priority. */
  constructor(own: OpenApiProvider, remote: () => readonly RemoteVersion[]) {
    this.#own = own;
    this.#remote = remote;
  }

  v2(): unknown {
    const remote = this.#remote();
    const own = this.#own.v2() as Swagger;
    if (remote.length === 0) return own;
    const taken = remote.map(({ path }) => `/${path}/`);
    const paths = Object.entries(own.paths).filter(([path]) => !taken.some((start) => `${path}/`.startsWith(start)));
    let merged: Swagger = { ...own, paths: Object.fromEntries(paths) };
    for (const { path, v2 } of remote) if (v2) merged = withPart(merged, partOf(v2, `/${path}/`));
    return merged;
  }

  v3Paths(): readonly string[] {
    const remote = this.#remote();
    const taken = new Set(remote.map(({ path }) => path));
    const own = this.#own.v3Paths().filter((path) => !taken.has(path));
    return [...new Set([...own, ...remote.flatMap(({ v3 }) => [...v3.keys()])])].sort();
  }

  v3(path: string): unknown {
    const found = this.#remote().find(({ v3 }) => v3.has(path));
    return found ? found.v3.get(path) : this.#own.v3(path);
  }
}

/** The paths below `start`, with the definitions they need. */
function partOf({ paths, definitions }: Swagger, start: string): Pick<Swagger, "paths" | "definitions"> {
  const kept = Object.fromEntries(Object.entries(paths).filter(([path]) => `${path}/`.startsWith(start)));
  const needed = new Map<string, unknown>();
  const visit = (value: unknown): void => {
    for (const name of referencesIn(value)) {
      if (needed.has(name)) continue;
      needed.set(name, definitions[name]);
      visit(definitions[name]);
    }
  };
  visit(kept);
  return { paths: kept, definitions: Object.fromEntries(needed) };
}

/** Names that mean something else here get another name in the part; paths there are already stay as they are. */
function withPart(base: Swagger, part: Pick<Swagger, "paths" | "definitions">): Swagger {
  const names = new Map<string, string>();
  for (const [name, definition] of Object.entries(part.definitions)) {
    let free = name;
    for (let n = 2; free in base.definitions && !deepEqual(base.definitions[free], definition); n++)
      free = `${name}_v${n}`;
    if (free !== name) names.set(name, free);
  }
  const { paths, definitions } = renamed(part, names) as typeof part;
  const own = Object.entries(definitions).map(([name, definition]) => [names.get(name) ?? name, definition]);
  return {
    ...base,
    paths: { ...paths, ...base.paths },
    definitions: { ...base.definitions, ...(Object.fromEntries(own) as Swagger["definitions"]) },
  };
}

function* referencesIn(value: unknown): Generator<string> {
  if (Array.isArray(value)) for (const item of value) yield* referencesIn(item);
  else if (isJsonObject(value)) {
    const ref = value["$ref"];
    if (typeof ref === "string" && ref.startsWith(reference)) yield ref.slice(reference.length);
    for (const member of Object.values(value)) yield* referencesIn(member);
  }
}

function renamed(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (names.size === 0) return value;
  if (Array.isArray(value)) return value.map((item) => renamed(item, names));
  if (typeof value === "string" && value.startsWith(reference)) {
    const name = value.slice(reference.length);
    return `${reference}${names.get(name) ?? name}`;
  }
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, renamed(member, names)]));
}
