import type { PersistentVolumeClaim, Service } from "../../api/core/v1/types.gen.ts";
import type { ResourceClaim } from "../../api/resource/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { QuotaEvaluator } from "./evaluator.ts";
import { podEvaluator, selectorMatches } from "./pod-evaluator.ts";

const one = Quantity.of(1);
const classMarker = ".storageclass.storage.k8s.io/";
const defaultClassAnnotation = "volume.beta.kubernetes.io/storage-class";

const serviceNames: ReadonlySet<string> = new Set([
  "count/services",
  "services",
  "services.nodeports",
  "services.loadbalancers",
]);

/** Services: their number, their node ports and their load balancers. */
const serviceEvaluator: QuotaEvaluator<Service> = {
  handles: (_, subresource) => subresource === "",
  concerns: (name) => serviceNames.has(name),
  usage({ spec }: Service) {
    const ports = spec.ports ?? [];
    const isBalanced = spec.type === "LoadBalancer";
    // They are not given out yet: what counts is what will be.
    const isGiven = spec.type === "NodePort" || (isBalanced && spec.allocateLoadBalancerNodePorts !== false);
    const nodePorts = isGiven ? ports.length : isBalanced ? ports.filter((port) => port.nodePort).length : 0;
    return new Map([
      ["count/services", one],
      ["services", one],
      ["services.nodeports", Quantity.of(nodePorts)],
      ["services.loadbalancers", Quantity.of(isBalanced ? 1 : 0)],
    ]);
  },
  matchesScope: () => false,
};

const claimNames: ReadonlySet<string> = new Set([
  "count/persistentvolumeclaims",
  "persistentvolumeclaims",
  "requests.storage",
]);

/** Claims: their number and the storage they ask for, in all and by class. */
const claimEvaluator: QuotaEvaluator<PersistentVolumeClaim> = {
  handles: (_, subresource) => subresource === "",
  concerns: (name) =>
    claimNames.has(name) ||
    name.endsWith(`${classMarker}persistentvolumeclaims`) ||
    name.endsWith(`${classMarker}requests.storage`),
  usage({ metadata, spec, status }: PersistentVolumeClaim) {
    const className = metadata.annotations?.[defaultClassAnnotation] ?? spec.storageClassName ?? "";
    const usage = new Map([
      ["count/persistentvolumeclaims", one],
      ["persistentvolumeclaims", one],
    ]);
    const byClass = (name: string, amount: Quantity): void => {
      usage.set(name, amount);
      if (className !== "") usage.set(`${className}${classMarker}${name}`, amount);
    };
    byClass("persistentvolumeclaims", one);
    const asked = spec.resources.requests?.["storage"];
    if (asked === undefined) return usage;
    const request = Quantity.parse(asked);
    // While a claim grows, both sizes may be held.
    const allocated = Quantity.parse(status.allocatedResources?.["storage"] ?? "0");
    byClass("requests.storage", request.compare(allocated) < 0 ? allocated : request);
    return usage;
  },
  matchesScope: (selector, { spec, status }) =>
    selector.scopeName === "VolumeAttributesClass" &&
    [spec.volumeAttributesClassName, status.currentVolumeAttributesClassName].some((name) =>
      selectorMatches(selector, name),
    ),
};

/** Kinds of the legacy group whose bare plural is a quota name, too. */
const bareNames: ReadonlySet<string> = new Set(["configmaps", "replicationcontrollers", "resourcequotas", "secrets"]);

/** Any other kind: its number. */
function countEvaluator(group: string, resource: string): QuotaEvaluator<unknown> {
  const names = [
    group === "" ? `count/${resource}` : `count/${resource}.${group}`,
    ...(group === "" && bareNames.has(resource) ? [resource] : []),
  ];
  const usage = new Map(names.map((name) => [name, one]));
  return {
    handles: (operation, subresource) => operation === "CREATE" && subresource === "",
    concerns: (name) => names.includes(name),
    usage: () => usage,
    matchesScope: () => false,
  };
}

const deviceMarker = ".deviceclass.resource.k8s.io/devices";
// A request for all devices there are gets no more than these.
const devicesMax = 32;

/** Claims of devices: their number, and the devices of each class they may be given. */
const deviceClaimEvaluator: QuotaEvaluator<ResourceClaim> = {
  handles: (_, subresource) => subresource === "",
  concerns: (name) => name === "count/resourceclaims.resource.k8s.io" || name.endsWith(deviceMarker),
  usage({ spec }: ResourceClaim) {
    const byClass = new Map<string, number>();
    for (const { exactly, firstAvailable = [] } of spec.devices?.requests ?? []) {
      // Of the alternatives one is chosen; until then the largest counts, for each class.
      const most = new Map<string, number>();
      for (const { deviceClassName, allocationMode, count = 0 } of exactly ? [exactly] : firstAvailable) {
        const devices = allocationMode === "All" ? devicesMax : allocationMode === "ExactCount" ? count : 0;
        most.set(deviceClassName, Math.max(most.get(deviceClassName) ?? 0, devices));
      }
      for (const [name, devices] of most) byClass.set(name, (byClass.get(name) ?? 0) + devices);
    }
    const devices = [...byClass].map(([name, count]) => [`${name}${deviceMarker}`, Quantity.of(count)] as const);
    return new Map([["count/resourceclaims.resource.k8s.io", one], ...devices]);
  },
  matchesScope: () => false,
};

/** How objects of that resource count. What is passed to it must be of the resource. */
export function quotaEvaluator(group: string, resource: string): QuotaEvaluator<unknown> {
  const known = ownEvaluators.find((own) => own.group === group && own.resource === resource);
  return known?.evaluator ?? countEvaluator(group, resource);
}

const ownEvaluators: readonly {
  readonly group: string;
  readonly resource: string;
  readonly evaluator: QuotaEvaluator<never>;
}[] = [
  { group: "", resource: "pods", evaluator: podEvaluator },
  { group: "", resource: "services", evaluator: serviceEvaluator },
  { group: "", resource: "persistentvolumeclaims", evaluator: claimEvaluator },
  { group: "resource.k8s.io", resource: "resourceclaims", evaluator: deviceClaimEvaluator },
];

/** The resource whose objects a quota name counts, as `group` and `resource`; undefined for names that no kind consumes. */
export function resourceOfQuotaName(name: string): { readonly group: string; readonly resource: string } | undefined {
  const own = ownEvaluators.find(({ evaluator }) => evaluator.concerns(name));
  if (own) return { group: own.group, resource: own.resource };
  if (bareNames.has(name)) return { group: "", resource: name };
  const [, resource, group = ""] = /^count\/([^./]+)(?:\.(.+))?$/.exec(name) ?? [];
  return resource === undefined ? undefined : { group, resource };
}
