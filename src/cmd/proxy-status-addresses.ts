import type { StatusAddresses } from "../kube-proxy/status-endpoints.ts";
import { UsageError } from "./arguments.ts";

/** Where a kube-proxy serves its status unless told otherwise. */
export const proxyStatusAddresses = {
  healthz: { host: "0.0.0.0", port: 10_256 },
  metrics: { host: "127.0.0.1", port: 10_249 },
} as const satisfies StatusAddresses;

/**
 * What `--healthz-bind-address` or `--metrics-bind-address` says: an address, with a port or the default one; with port 0,
 * or empty, nothing is served. Throws UsageError.
 */
export function bindAddress(name: keyof StatusAddresses, text: string | undefined): StatusAddresses {
  if (text === undefined) return { [name]: proxyStatusAddresses[name] };
  if (text === "") return {};
  const [, bracketed, plain, portText] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = portText === undefined ? proxyStatusAddresses[name].port : Number(portText);
  if (host === undefined || port > 65_535) throw new UsageError(`--${name}-bind-address: not an address: ${text}`);
  return port === 0 ? {} : { [name]: { host, port } };
}
