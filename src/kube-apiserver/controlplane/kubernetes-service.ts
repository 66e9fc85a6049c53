import { endpoints, endpointSlices, services } from "../../api/resources.gen.ts";
import type { Mutable } from "../../apimachinery/resource-type.ts";
import { isGlobalUnicast } from "../../apimachinery/validation/ip-address.ts";
import type { Service } from "../../api/core/v1/types.gen.ts";
import type { SystemWriter } from "./system-writer.ts";

const name = "kubernetes";
const namespace = "default";

/**
 * The Service through which pods reach the API server, its Endpoints and EndpointSlice.
 *
 * Differs from upstream: there is one server behind it; several would have to agree on the addresses by leases.
 */
export async function ensureKubernetesService(
  writer: SystemWriter,
  options: { readonly clusterIp: string; readonly address: string | undefined; readonly port: number },
): Promise<void> {
  const { clusterIp, address, port } = options;
  const labels = { component: "apiserver", provider: "kubernetes" };
  await writer.reconcile(
    services,
    {
      metadata: { name, namespace, labels },
      spec: {
        type: "ClusterIP",
        clusterIP: clusterIp,
        ports: [{ name: "https", protocol: "TCP", port: 443, targetPort: port }],
      },
    },
    (service: Mutable<Service>) => {
      const [https] = service.spec.ports ?? [];
      if (https) https.targetPort = port;
    },
  );
  // An address nobody else can reach, as that of a server beside simulated nodes, is no endpoint: validation refuses it.
  if (address === undefined || !isGlobalUnicast(address)) return;
  const subsets = [{ addresses: [{ ip: address }], ports: [{ name: "https", port, protocol: "TCP" as const }] }];
  await writer.reconcile(
    endpoints,
    { metadata: { name, namespace, labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } }, subsets },
    (object) => {
      object.subsets = structuredClone(subsets);
    },
  );
  const slice = {
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: "https", port, protocol: "TCP" as const }],
  };
  await writer.reconcile(
    endpointSlices,
    {
      metadata: { name, namespace, labels: { "kubernetes.io/service-name": name } },
      addressType: address.includes(":") ? "IPv6" : "IPv4",
      ...slice,
    },
    (object) => {
      object.endpoints = structuredClone(slice.endpoints);
      object.ports = structuredClone(slice.ports);
    },
  );
}
