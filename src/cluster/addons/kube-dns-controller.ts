import type { Node, Service } from "../../api/core/v1/types.gen.ts";
import type { Endpoint, EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import { endpointSlices, nodes, services } from "../../api/resources.gen.ts";
import type { Input } from "../../apimachinery/resource-type.ts";
import { isAlreadyExists } from "../../apimachinery/errors/status-error.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";

const namespace = "kube-system";
const name = "kube-dns";
const sliceName = "kube-dns-nodes";

export interface KubeDnsOptions {
  readonly clusterIp: string;
  /** Where each node's DNS server listens. */
  readonly port: number;
}

/**
 * Keeps the Service `kube-system/kube-dns` and one EndpointSlice with the addresses of all Ready nodes, each of which
 * serves cluster DNS. Differs from upstream, where CoreDNS pods do: a Service with a selector of the same name, and CoreDNS
 * behind it, can replace this; then the slice is left alone.
 */
export function kubeDnsController(options: KubeDnsOptions): ControllerDescriptor {
  return {
    name: "kube-dns-controller",
    serviceAccount: "kube-dns-controller",
    rules: [
      { apiGroups: [""], resources: ["services"], verbs: ["get", "list", "watch", "create"] },
      { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
      {
        apiGroups: ["discovery.k8s.io"],
        resources: ["endpointslices"],
        verbs: ["get", "list", "watch", "create", "update", "delete"],
      },
    ],
    create: ({ client, informers, clock, logger, metrics }) => {
      const nodeInformer = informers.for(nodes);
      const serviceInformer = informers.for(services);
      const sliceInformer = informers.for(endpointSlices);
      const controller = new ReconcileController({
        name: "kube-dns-controller",
        clock,
        logger,
        metrics,
        workers: 1,
        reconcile: async () => {
          const service = serviceInformer.lister.get(namespace, name) ?? (await createService());
          if (!service || service.spec.selector !== undefined) return;
          const wanted = slice(nodeInformer.lister.list(), options.port);
          const present = sliceInformer.lister.get(namespace, sliceName);
          const client_ = client.resource(endpointSlices, namespace);
          if (!present) await ignoreExisting(client_.create(wanted));
          else if (JSON.stringify(addressesOf(present)) !== JSON.stringify(addressesOf(wanted))) {
            const { resourceVersion } = present.metadata;
            await client_.update({ ...wanted, metadata: { ...wanted.metadata, resourceVersion } });
          }
        },
      });
      const createService = (): Promise<Service | undefined> =>
        ignoreExisting(client.resource(services, namespace).create(dnsService(options)));
      const only = (): readonly string[] => [name];
      controller.enqueue(name);
      controller.watch(nodeInformer, only, (a, b) => isReady(a) !== isReady(b) || addressOf(a) !== addressOf(b));
      controller.watch(serviceInformer, (s) => (isOurs(s.metadata, name) ? [name] : []));
      controller.watch(sliceInformer, (s) => (isOurs(s.metadata, sliceName) ? [name] : []));
      return controller;
    },
  };
}

function isOurs(metadata: { readonly namespace: string; readonly name: string }, expected: string): boolean {
  return metadata.namespace === namespace && metadata.name === expected;
}

/** Undefined when somebody else was first: the informer will tell. */
async function ignoreExisting<T>(creation: Promise<T>): Promise<T | undefined> {
  try {
    return await creation;
  } catch (error) {
    if (isAlreadyExists(error)) return undefined;
    throw error;
  }
}

const labels = { "k8s-app": "kube-dns", "kubernetes.io/name": "CoreDNS", "kubernetes.io/cluster-service": "true" };

function dnsService({ clusterIp, port }: KubeDnsOptions): Input<Service> {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace, labels },
    spec: {
      type: "ClusterIP",
      clusterIP: clusterIp,
      ports: [
        { name: "dns", port: 53, protocol: "UDP", targetPort: port },
        { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: port },
      ],
    },
  };
}

function slice(all: readonly Node[], port: number): Input<EndpointSlice> {
  const endpoints = all
    .filter((node) => isReady(node) && addressOf(node) !== undefined)
    .map((node) => ({
      addresses: [addressOf(node) ?? ""],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: node.metadata.name,
    }))
    .sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1));
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: sliceName,
      namespace,
      labels: {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "kube-dns-controller.k8ts.dev",
      },
    },
    addressType: "IPv4",
    ports: [
      { name: "dns", port, protocol: "UDP" },
      { name: "dns-tcp", port, protocol: "TCP" },
    ],
    endpoints,
  };
}

function addressesOf(slice_: Input<EndpointSlice> | EndpointSlice): readonly unknown[] {
  const endpoints: readonly Input<Endpoint>[] = slice_.endpoints ?? [];
  return [slice_.ports?.map((p) => p.port), endpoints.map((e) => [e.nodeName, e.addresses?.[0]])];
}

function isReady(node: Node): boolean {
  return node.status.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
}

function addressOf(node: Node): string | undefined {
  return node.status.addresses?.find((a) => a.type === "InternalIP")?.address;
}
