import { sha256Hex } from "../component-base/sha256.ts";
import type { Family } from "./families.ts";
import type { MapElement } from "./ports.ts";
import type { ProxyEndpoint, ServicePort } from "./service-ports.ts";

const prefix = "affinity-";

/**
 * The map in which the clients of a Service port are remembered, of local endpoints alone or of all. The name is of what the port
 * is, so that it is the same for the next process. Cryptographic, as who could make two ports meet in a map would get the clients
 * of another's Service. The time goes into it: with another one, everybody is forgotten.
 */
export function affinityMap(port: ServicePort, isLocal: boolean): string {
  const name = `${prefix}${sha256Hex(`${port.key} ${port.affinitySeconds}`).slice(0, 32)}`;
  return isLocal ? `${name}-local` : name;
}

/** What the map is: clients' addresses to endpoints' ids. */
export function affinityMapType({ addressType }: Family): string {
  return `map { type ${addressType} : mark; flags dynamic,timeout; size 65535; }`;
}

interface Client {
  readonly ip: string;
  /** `ip . port` of the endpoint it was sent to. */
  readonly endpoint: string;
  readonly timeoutSeconds: number;
  readonly expiresSeconds: number;
}

/** Clients by the map that remembers them. */
export type RememberedClients = ReadonlyMap<string, readonly Client[]>;

/** Who is remembered in a table that an earlier life has made: its ids mean nothing any more, but its map of them still tells. */
export function rememberedClients(maps: ReadonlyMap<string, readonly MapElement[]>, idMax: number): RememberedClients {
  const endpoints = new Map<number, string>();
  // All classes of one id lead to the same endpoint.
  for (const { key, value } of maps.get("ep") ?? []) endpoints.set(Number(key) & idMax, value);
  const clients = new Map<string, readonly Client[]>();
  for (const [name, elements] of maps) {
    if (!name.startsWith(prefix)) continue;
    const known = elements.flatMap(({ key, value, timeoutSeconds = 0, expiresSeconds = 0 }): readonly Client[] => {
      const endpoint = endpoints.get(Number(value));
      // What is about to be forgotten may be forgotten now.
      if (endpoint === undefined || expiresSeconds < 1) return [];
      return [{ ip: key, endpoint, timeoutSeconds, expiresSeconds }];
    });
    if (known.length > 0) clients.set(name, known);
  }
  return clients;
}

/** The commands that remember them again, for the endpoints that the port still has. */
export function rememberAgain(
  table: string,
  port: ServicePort,
  clients: RememberedClients,
  idOf: (endpoint: ProxyEndpoint) => number | undefined,
): string {
  if (port.affinitySeconds === undefined || clients.size === 0) return "";
  let script = "";
  for (const isLocal of [false, true]) {
    const map = affinityMap(port, isLocal);
    const known = clients.get(map) ?? [];
    if (known.length === 0) continue;
    const ids = new Map<string, number>();
    for (const endpoint of isLocal ? port.localEndpoints : [...port.endpoints, ...port.localEndpoints]) {
      const id = idOf(endpoint);
      if (id !== undefined) ids.set(`${endpoint.ip} . ${endpoint.port}`, id);
    }
    const elements = known.flatMap(({ ip, endpoint, timeoutSeconds, expiresSeconds }) => {
      const id = ids.get(endpoint);
      return id === undefined ? [] : [`${ip} timeout ${timeoutSeconds}s expires ${expiresSeconds}s : ${id}`];
    });
    for (let i = 0; i < elements.length; i += elementsPerCommand)
      script += `add element ${table} ${map} { ${elements.slice(i, i + elementsPerCommand).join(", ")} }\n`;
  }
  return script;
}

const elementsPerCommand = 1000;
