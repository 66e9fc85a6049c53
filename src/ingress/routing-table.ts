import type { Ingress, IngressBackend } from "../api/networking/v1/types.gen.ts";

/** A Service's port by its name or its number. */
export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  readonly port: string | number;
}

/** Where a rule leads. */
export interface Route {
  /** `namespace/name` of the Ingress. */
  readonly ingress: string;
  /** Undefined for a backend that is no Service, which nobody here serves. */
  readonly service: ServiceReference | undefined;
}

/** The rules of all Ingresses, ready to be asked. */
export interface RoutingTable {
  /** `host` in lower case without port; `path` decoded. Costs a look-up per segment of the path. */
  match(host: string, path: string): Route | undefined;
}

interface PathRules {
  readonly exact: Map<string, Route>;
  /** By path without trailing slash. */
  readonly prefixes: Map<string, Route>;
  /** No prefix is longer: a request's path is not looked at beyond. */
  prefixMax: number;
  /** Default backend of an Ingress with rules for the host. */
  fallback: Route | undefined;
}

/**
 * Precedence: the most specific host that any rule names, an exact one before a wildcard before none; then the longest path, of
 * equally long ones `Exact`; then the Ingress that was there first. What no path of that host matches goes to the default
 * backend of an Ingress with rules for the host, else to that of an Ingress for all hosts. `ImplementationSpecific` is `Prefix`.
 */
export function createRoutingTable(ingresses: readonly Ingress[]): RoutingTable {
  const exactHosts = new Map<string, PathRules>();
  const wildcards = new Map<string, PathRules>();
  const anyHost = noRules();
  for (const ingress of [...ingresses].sort(firstComesFirst)) {
    const { namespace, name } = ingress.metadata;
    const routeTo = (backend: IngressBackend): Route => ({
      ingress: `${namespace}/${name}`,
      service: serviceOf(namespace ?? "", backend),
    });
    const { defaultBackend, rules = [] } = ingress.spec;
    for (const { host, http } of rules) {
      const paths = rulesOf(host?.toLowerCase() ?? "");
      for (const { path, pathType, backend } of http?.paths ?? []) {
        addPath(paths, path || "/", pathType === "Exact", routeTo(backend));
      }
      if (defaultBackend) paths.fallback ??= routeTo(defaultBackend);
    }
    if (defaultBackend && rules.length === 0) anyHost.fallback ??= routeTo(defaultBackend);
  }
  return {
    match(host, path) {
      const dot = host.indexOf(".");
      const paths = exactHosts.get(host) ?? (dot > 0 ? wildcards.get(host.slice(dot)) : undefined) ?? anyHost;
      return matchPath(paths, path) ?? paths.fallback ?? anyHost.fallback;
    },
  };

  function rulesOf(host: string): PathRules {
    if (host === "") return anyHost;
    const [map, key] = host.startsWith("*.") ? [wildcards, host.slice(1)] : [exactHosts, host];
    let paths = map.get(key);
    if (!paths) map.set(key, (paths = noRules()));
    return paths;
  }
}

/** The elder, then the first by name. */
export function firstComesFirst(a: Ingress, b: Ingress): number {
  const [ageA, ageB] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  if (ageA !== ageB) return ageA < ageB ? -1 : 1;
  return `${a.metadata.namespace}/${a.metadata.name}` < `${b.metadata.namespace}/${b.metadata.name}` ? -1 : 1;
}

function noRules(): PathRules {
  return { exact: new Map(), prefixes: new Map(), prefixMax: 0, fallback: undefined };
}

function serviceOf(namespace: string, { service }: IngressBackend): ServiceReference | undefined {
  return service && { namespace, name: service.name, port: service.port?.name || (service.port?.number ?? 0) };
}

function addPath(paths: PathRules, path: string, isExact: boolean, route: Route): void {
  const [map, key] = isExact ? [paths.exact, path] : [paths.prefixes, path.replace(/\/+$/, "")];
  if (!map.has(key)) map.set(key, route);
  if (!isExact) paths.prefixMax = Math.max(paths.prefixMax, key.length);
}

function matchPath({ exact, prefixes, prefixMax }: PathRules, path: string): Route | undefined {
  const same = exact.get(path);
  if (same) return same;
  if (path.length <= prefixMax) {
    const whole = prefixes.get(path);
    if (whole) return whole;
  }
  // A prefix ends where a segment does.
  for (let end = path.lastIndexOf("/", prefixMax); end >= 0; end = path.lastIndexOf("/", end - 1)) {
    const found = prefixes.get(path.slice(0, end));
    if (found || end === 0) return found;
  }
  return undefined;
}
