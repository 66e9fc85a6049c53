import type { Service } from "../../api/core/v1/types.gen.ts";

/**
 * The variables by which containers find Services without DNS: `{NAME}_SERVICE_HOST`, `{NAME}_SERVICE_PORT[_{PORT}]` and
 * the Docker-links ones. Services without a cluster IP have none. Of equal names the pod's namespace wins over `kubernetes`
 * in `default`, so pass that one first.
 */
export function serviceEnvironment(services: readonly Service[]): Map<string, string> {
  const out = new Map<string, string>();
  for (const service of services) {
    const ip = service.spec.clusterIP;
    const ports = service.spec.ports ?? [];
    const first = ports[0];
    if (!ip || ip === "None" || !first) continue;
    const name = variableName(service.metadata.name);
    out.set(`${name}_SERVICE_HOST`, ip);
    out.set(`${name}_SERVICE_PORT`, String(first.port));
    for (const port of ports) {
      if (port.name) out.set(`${name}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
    }
    const host = ip.includes(":") ? `[${ip}]` : ip;
    for (const port of ports) {
      const protocol = port.protocol ?? "TCP";
      const url = `${protocol.toLowerCase()}://${host}:${port.port}`;
      const prefix = `${name}_PORT_${port.port}_${protocol}`;
      if (port === first) out.set(`${name}_PORT`, url);
      out.set(prefix, url);
      out.set(`${prefix}_PROTO`, protocol.toLowerCase());
      out.set(`${prefix}_PORT`, String(port.port));
      out.set(`${prefix}_ADDR`, ip);
    }
  }
  return out;
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
