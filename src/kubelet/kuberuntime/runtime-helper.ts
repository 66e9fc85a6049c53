import type { Service } from "../../api/core/v1/types.gen.ts";
import { runtimeClasses } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { AllocationManager } from "../allocation/allocation-manager.ts";
import { isStaticPod } from "../api/pods.ts";
import type { ResolvedConfig } from "../config.ts";
import type { ObjectStore } from "../config/object-store.ts";
import { makeEnvironment, servicesFor } from "../environment/environment.ts";
import { lacksClusterDns, podDnsConfig } from "../network/dns.ts";
import { podHostName } from "../network/host-name.ts";
import type { HostCache } from "../nodestatus/host-cache.ts";
import type { RuntimeState } from "../nodestatus/runtime-state.ts";
import { ensurePodCgroup, widenPodCgroup } from "../pod-syncer.ts";
import type { KubeletPorts } from "../ports.ts";
import type { VolumeManager } from "../volumes/volume-manager.ts";
import { podCgroupResources } from "./linux-resources.ts";
import type { RuntimeHelper } from "./kuberuntime-manager.ts";

export interface RuntimeHelperOptions {
  readonly client: ApiClient;
  readonly ports: KubeletPorts;
  readonly recorder: EventRecorder;
  readonly config: ResolvedConfig;
  readonly host: HostCache;
  readonly services: SharedInformer<Service>;
  readonly volumes: VolumeManager;
  readonly objects: ObjectStore;
  readonly state: RuntimeState;
  readonly allocations: Pick<AllocationManager, "former">;
}

/** What the runtime's side asks of the rest of the kubelet. */
export function createRuntimeHelper(options: RuntimeHelperOptions): RuntimeHelper {
  const { ports, recorder, client, config, host, services, volumes, objects, state, allocations } = options;
  const { clusterDns, clusterDomain, podPidsLimit } = config;
  return {
    dnsConfig: async (pod) => {
      const settings = { clusterDns, clusterDomain, host: await ports.host.resolvConf() };
      if (lacksClusterDns(pod, settings)) {
        const policy = pod.spec.dnsPolicy ?? "ClusterFirst";
        const message = `pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})". kubelet does not have ClusterDNS IP configured and cannot create Pod using "${policy}" policy. Falling back to "Default" policy.`;
        recorder.event(pod, "Warning", "MissingClusterDNS", message);
      }
      return podDnsConfig(pod, settings);
    },
    hostname: (pod) => podHostName(pod, clusterDomain).hostname,
    cgroupParent: (pod) => ensurePodCgroup(ports.cgroups, pod, podPidsLimit),
    resizeCgroup: async (pod, isUnderWay) => {
      if (isUnderWay) await widenPodCgroup(ports.cgroups, pod, allocations.former(pod), podPidsLimit);
      else await ensurePodCgroup(ports.cgroups, pod, podPidsLimit);
    },
    podResize: (pod) => ({
      former: podCgroupResources(allocations.former(pod)),
      wanted: podCgroupResources(pod),
    }),
    memoryUsageBytes: async ({ metadata: { uid } }, containerId) => {
      const { cgroups } = ports;
      const stats = containerId === undefined ? cgroups.podStats(uid) : cgroups.containerStats(uid, containerId);
      return (await stats)?.memory?.usageBytes;
    },
    environment: async (pod, container, podIps) => {
      if (!services.hasSynced() && !isStaticPod(pod)) {
        throw new Error("services have not yet been read at least once, cannot construct envvars");
      }
      const list = (namespace: string): readonly Service[] => services.lister.list(namespace);
      const facts = await host.downwardFacts(podIps);
      return makeEnvironment(pod, container, {
        objects,
        facts,
        services: servicesFor(pod, list),
        volumeFile: (volumeName, path) => volumes.readFile(pod, volumeName, path),
      });
    },
    devices: (pod, container) => volumes.devicesFor(pod, container),
    mounts: (pod, container, input) => {
      const canMountRecursiveReadOnly = state.canMountRecursiveReadOnly(pod);
      return volumes.mountsFor(pod, container, { ...input, canMountRecursiveReadOnly });
    },
    memoryCapacityBytes: () => host.memoryBytes,
    // Differs from upstream: the class is read when a sandbox is made, instead of being watched.
    runtimeHandler: async ({ spec: { runtimeClassName } }) => {
      if (!runtimeClassName) return "";
      try {
        return (await client.resource(runtimeClasses).get(runtimeClassName)).handler;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        throw new Error(`runtimeclass.node.k8s.io "${runtimeClassName}" not found`, { cause: error });
      }
    },
  };
}
