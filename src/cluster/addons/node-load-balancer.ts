import type { Service } from "../../api/core/v1/types.gen.ts";
import { nodes, services } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import { changesAddresses, NodeAddresses } from "./node-addresses.ts";

export interface NodeLoadBalancerOptions {
  /** TCP ports of the nodes that are in use by the cluster itself: API server, kubelet, DNS. */
  readonly reservedPorts: readonly number[];
}

/**
 * Gives Services of type LoadBalancer the nodes' own addresses: kube-proxy serves the Service's ports on them like on any
 * load balancer's address. A port goes to the Service that was there first; others wait until it is free. Addresses none of which
 * is a node's are somebody else's and left alone, and so are Services of another `loadBalancerClass`.
 *
 * Differs from upstream, where a cloud's controller does it.
 */
export function nodeLoadBalancerController({ reservedPorts }: NodeLoadBalancerOptions): ControllerDescriptor {
  const name = "node-load-balancer-controller";
  return {
    name,
    serviceAccount: name,
    rules: [
      { apiGroups: [""], resources: ["services", "nodes"], verbs: ["get", "list", "watch"] },
      { apiGroups: [""], resources: ["services/status"], verbs: ["update", "patch"] },
      { apiGroups: ["", "events.k8s.io"], resources: ["events"], verbs: ["create", "patch", "update"] },
    ],
    create: (context) => {
      const serviceInformer = context.informers.for(services);
      const nodeInformer = context.informers.for(nodes);
      const addresses = new NodeAddresses(nodeInformer);
      const controller = new ReconcileController({
        ...context,
        name: "node-load-balancer",
        workers: 1,
        reconcile: async (key) => {
          const service = serviceInformer.lister.getByKey(key);
          if (!service || service.metadata.deletionTimestamp) return;
          const present = (service.status.loadBalancer.ingress ?? []).map((i) => i.ip ?? "");
          if (present.length > 0 && !addresses.areOurs(present)) return;
          const conflict = isOurs(service)
            ? portConflict(service, serviceInformer.lister.list(), reservedPorts)
            : undefined;
          if (conflict !== undefined && present.length === 0) {
            context.recorder.event(service, "Warning", "SyncLoadBalancerFailed", conflict);
          }
          const wanted = isOurs(service) && conflict === undefined ? addresses.ready() : [];
          if (wanted.join() === [...present].sort().join()) return;
          const ingress = wanted.map((ip) => ({ ip, ipMode: "VIP" }));
          const loadBalancer = wanted.length === 0 ? {} : { ingress };
          const status = { ...service.status, loadBalancer };
          await context.client.resource(services, service.metadata.namespace).updateStatus({ ...service, status });
          if (wanted.length > 0) {
            context.recorder.event(service, "Normal", "EnsuredLoadBalancer", "Ensured load balancer");
          }
        },
      });
      const balanced = (): readonly string[] =>
        serviceInformer.lister
          .list()
          .filter((service) => isOurs(service) || service.status.loadBalancer.ingress?.length)
          .map(objectKey);
      controller.watch(serviceInformer, (service) => {
        // A port that becomes free, or is taken, concerns whoever else wants it.
        const concerns = isOurs(service) || (service.status.loadBalancer.ingress?.length ?? 0) > 0;
        return concerns ? [...new Set([objectKey(service), ...balanced()])] : [];
      });
      controller.watch(nodeInformer, balanced, changesAddresses);
      return controller;
    },
  };
}

function isOurs({ spec }: Service): boolean {
  return spec.type === "LoadBalancer" && !spec.loadBalancerClass && spec.clusterIP !== "None";
}

/** Why the Service cannot have its ports; undefined when it can. */
function portConflict(service: Service, all: readonly Service[], reserved: readonly number[]): string | undefined {
  for (const { port, protocol = "TCP" } of service.spec.ports ?? []) {
    if (protocol === "TCP" && reserved.includes(port)) return `port ${port} is used by the nodes themselves`;
    const holder = all.find(
      (other) =>
        other.metadata.uid !== service.metadata.uid &&
        isOurs(other) &&
        comesBefore(other, service) &&
        other.spec.ports?.some((p) => p.port === port && (p.protocol ?? "TCP") === protocol),
    );
    if (holder) return `port ${port}/${protocol} of the nodes is taken by Service ${objectKey(holder)}`;
  }
  return undefined;
}

/** Those that have addresses keep them; of the others the elder is first. */
function comesBefore(a: Service, b: Service): boolean {
  const has = (s: Service): boolean => (s.status.loadBalancer.ingress?.length ?? 0) > 0;
  if (has(a) !== has(b)) return has(a);
  const [ta, tb] = [a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? ""];
  return ta === tb ? (a.metadata.uid ?? "") < (b.metadata.uid ?? "") : ta < tb;
}
