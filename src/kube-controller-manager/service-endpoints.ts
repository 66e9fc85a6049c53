import type { Pod, Service, ServicePort } from "../api/core/v1/types.gen.ts";
import { objectKey } from "../client/cache/object-key.ts";
import type { SharedInformer } from "../client/cache/shared-informer.ts";
import { mapMatcher } from "../component-helpers/label-selector.ts";
import { isPodReady, isPodTerminal } from "../component-helpers/pod.ts";
import { semanticEqual } from "../component-helpers/semantic-equal.ts";
import type { ReconcileController } from "../controller-runtime/reconcile-controller.ts";

/** True when endpoints are made for the Service from pods. ExternalName is a name elsewhere; without a selector somebody else makes them. */
export function selectsPods(service: Service): boolean {
  return service.spec.type !== "ExternalName" && Object.keys(service.spec.selector ?? {}).length > 0;
}

export function isHeadless(service: Service): boolean {
  return service.spec.clusterIP === "None";
}

/** A pod that has an address and may still serve. */
export function mayServe(pod: Pod, includeTerminating: boolean): boolean {
  if (isPodTerminal(pod) || !pod.status.podIPs?.length) return false;
  return includeTerminating || !pod.metadata.deletionTimestamp;
}

export function addressesOf(pod: Pod, family: "IPv4" | "IPv6"): string[] {
  return (pod.status.podIPs ?? []).map((a) => a.ip).filter((ip) => ip.includes(":") === (family === "IPv6"));
}

/** The Service's families; from its address where an old object does not say. */
export function familiesOf(service: Service): readonly ("IPv4" | "IPv6")[] {
  const families = service.spec.ipFamilies ?? [];
  if (families.length > 0) return families.map((f) => (f === "IPv6" ? "IPv6" : "IPv4"));
  return [service.spec.clusterIP?.includes(":") ? "IPv6" : "IPv4"];
}

/** The pod's port a Service port stands for; undefined when the pod has no port of that name. */
export function targetPortOf(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target === 0 ? port.port : target;
  // Containers that restart on their own serve as long as the pod, though listed as init containers.
  const sidecars = (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === "Always");
  for (const container of [...pod.spec.containers, ...sidecars]) {
    const named = container.ports?.find((p) => p.name === target && (p.protocol ?? "TCP") === (port.protocol ?? "TCP"));
    if (named) return named.containerPort;
  }
  return undefined;
}

/** The pod's own name in the Service's domain. */
export function hostnameIn(pod: Pod, service: Service): string | undefined {
  const { hostname, subdomain } = pod.spec;
  return hostname && subdomain === service.metadata.name ? hostname : undefined;
}

/** Enqueues the Services whose endpoints a change concerns: their own, and those of pods they select or selected. */
export function watchServicesAndPods(
  controller: ReconcileController,
  services: SharedInformer<Service>,
  pods: SharedInformer<Pod>,
): void {
  controller.watch(services);
  controller.watch(
    pods,
    (pod) =>
      services.lister
        .list(pod.metadata.namespace)
        .filter((service) => selectsPods(service) && mapMatcher(service.spec.selector)(pod.metadata.labels))
        .map(objectKey),
    concernsEndpoints,
  );
}

function concernsEndpoints(previous: Pod, current: Pod): boolean {
  return (
    isPodReady(previous) !== isPodReady(current) ||
    previous.status.phase !== current.status.phase ||
    previous.metadata.deletionTimestamp !== current.metadata.deletionTimestamp ||
    previous.spec.nodeName !== current.spec.nodeName ||
    !semanticEqual(previous.status.podIPs, current.status.podIPs) ||
    !semanticEqual(previous.metadata.labels, current.metadata.labels)
  );
}
