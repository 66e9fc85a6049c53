import type { PersistentVolume, PersistentVolumeClaim } from "../../api/core/v1/types.gen.ts";
import { persistentVolumeClaims, persistentVolumes } from "../../api/resources.gen.ts";
import { sleep } from "../../component-base/clock.ts";
import type { NodeInfo } from "../cache/node-table.ts";
import type { PodInfo } from "../cache/pod-info.ts";
import type { PluginHandle } from "../framework/handle.ts";
import { onEvent, skip, type Plugin, type StateKey, type Status } from "../framework/interface.ts";
import {
  boundByControllerAnnotation,
  classOf,
  isClaimBound,
  podClaims,
  selectedNodeAnnotation,
  type PodClaims,
} from "./pod-claims.ts";
import { amountOf, canProvision, findVolume, hasRoom, volumeLimit, volumeReachable } from "./volume-matching.ts";

const name = "VolumeBinding";
// bindTimeoutSeconds: how long a pod with a node waits for its volumes.
const bindTimeoutMs = 600_000;
// How often the claims of a waiting pod are looked at, as upstream.
const bindCheckMs = 1_000;

const unbound = refuse("pod has unbound immediate PersistentVolumeClaims");
const unreachable = refuse("node(s) didn't match PersistentVolume's node affinity");
const noVolume = refuse("node(s) didn't find available persistent volumes to bind");
const noRoom = refuse("node(s) did not have enough free storage");
const missingVolume = refuse("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)");

/** What is done to the pod's delayed claims if it goes to the node. */
interface VolumePlan {
  readonly bind: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly provision: readonly PersistentVolumeClaim[];
}

interface VolumeState {
  readonly claims: PodClaims;
  readonly plans: Map<string, VolumePlan>;
}

const stateKey: StateKey<VolumeState> = { name };

/**
 * Bound claims tie the pod to nodes that reach their volumes. Claims of WaitForFirstConsumer classes are bound when the pod
 * gets its node: to a volume that is there, or by telling the provisioner which node was selected; the pod is assigned
 * when its claims are bound.
 */
export function volumeBinding(handle: PluginHandle): Plugin {
  const { listers, client, clock } = handle;
  /** Volumes promised to claims whose binding is not yet seen, by volume name. */
  const promised = new Map<string, string>();

  return {
    name,
    eventsToRegister: [
      onEvent("PersistentVolumeClaim", ["add", "update"], (pod, { current }) => {
        if (current.metadata.namespace !== pod.metadata.namespace) return false;
        return (pod.spec.volumes ?? []).some(
          (v) => v.persistentVolumeClaim?.claimName === current.metadata.name || v.ephemeral !== undefined,
        );
      }),
      onEvent("PersistentVolume", ["add", "update"]),
      onEvent("StorageClass", ["add", "update"]),
      onEvent("CSINode", ["add", "update"]),
      onEvent("CSIDriver", ["add", "update"]),
      onEvent("CSIStorageCapacity", ["add", "update"], (_pod, { previous, current }) => {
        return !previous || amountOf(volumeLimit(current)) > amountOf(volumeLimit(previous));
      }),
      onEvent("Node", ["add", "update"]),
    ],

    preFilter(state, info) {
      if (info.claimKeys.length === 0) return skip;
      const claims = podClaims(info.pod, listers);
      if (typeof claims === "string") return refuse(claims);
      if (claims.immediate.length > 0) return unbound;
      state.set(stateKey, { claims, plans: new Map() });
      return undefined;
    },

    filter(state, _info, node) {
      const volumes = state.get(stateKey);
      if (!volumes || !node.node) return undefined;
      for (const claim of volumes.claims.bound) {
        const volume = listers.persistentVolumes.get(undefined, claim.spec.volumeName ?? "");
        if (!volume) return missingVolume;
        if (!volumeReachable(volume, node.node)) return unreachable;
      }
      if (volumes.claims.delayed.length === 0) return undefined;
      const plan = planFor(volumes.claims.delayed, node);
      if ("code" in plan) return plan;
      volumes.plans.set(node.name, plan);
      return undefined;
    },

    reserve(state, _info, nodeName) {
      for (const { claim, volume } of planOf(state.get(stateKey), nodeName).bind) {
        promised.set(volume.metadata.name, claimKey(claim));
      }
      return undefined;
    },
    unreserve(state, _info, nodeName) {
      for (const { volume } of planOf(state.get(stateKey), nodeName).bind) promised.delete(volume.metadata.name);
    },

    preBind(state, info, nodeName, signal) {
      const plan = planOf(state.get(stateKey), nodeName);
      if (plan.bind.length + plan.provision.length === 0) return undefined;
      return bindVolumes(info, plan, nodeName, signal);
    },
  };

  function planFor(claims: readonly PersistentVolumeClaim[], { node, name: nodeName }: NodeInfo): VolumePlan | Status {
    if (!node) return noVolume;
    const bind: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
    const provision: PersistentVolumeClaim[] = [];
    const volumes = listers.persistentVolumes.list();
    for (const claim of claims) {
      const selected = claim.metadata.annotations?.[selectedNodeAnnotation];
      // The provisioner is at work for a node already.
      if (selected !== undefined) {
        if (selected !== nodeName) return noVolume;
        provision.push(claim);
        continue;
      }
      const volume = findVolume(claim, volumes, node, (v) => {
        const owner = promised.get(v.metadata.name);
        return (owner !== undefined && owner !== claimKey(claim)) || bind.some((b) => b.volume === v);
      });
      if (volume) {
        bind.push({ claim, volume });
        continue;
      }
      const storageClass = classOf(claim, listers);
      if (!storageClass || !canProvision(storageClass, node)) return noVolume;
      if (!hasRoom(claim, storageClass, node, listers)) return noRoom;
      provision.push(claim);
    }
    return { bind, provision };
  }

  async function bindVolumes(
    info: PodInfo,
    { bind, provision }: VolumePlan,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Status | undefined> {
    const { namespace } = info.pod.metadata;
    for (const { claim, volume } of bind) {
      const claimRef = {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        namespace,
        name: claim.metadata.name,
        uid: claim.metadata.uid,
      };
      const metadata = {
        // Somebody else may have taken the volume since; then the server answers with a conflict.
        resourceVersion: volume.metadata.resourceVersion,
        annotations: { [boundByControllerAnnotation]: "yes" },
      };
      await client
        .resource(persistentVolumes)
        .patch(volume.metadata.name, "merge", { metadata, spec: { claimRef } }, { signal });
    }
    for (const claim of provision) {
      if (claim.metadata.annotations?.[selectedNodeAnnotation] === nodeName) continue;
      await client
        .resource(persistentVolumeClaims, namespace)
        .patch(
          claim.metadata.name,
          "merge",
          { metadata: { uid: claim.metadata.uid, annotations: { [selectedNodeAnnotation]: nodeName } } },
          { signal },
        );
    }
    const names = [...bind.map((b) => b.claim), ...provision].map((claim) => claim.metadata.name);
    const refused = await waitUntilBound(
      namespace,
      names,
      new Set(provision.map((c) => c.metadata.name)),
      nodeName,
      signal,
    );
    // The volumes say themselves whose they are by now.
    if (!refused) for (const { volume } of bind) promised.delete(volume.metadata.name);
    return refused;
  }

  async function waitUntilBound(
    namespace: string,
    names: readonly string[],
    provisioned: ReadonlySet<string>,
    nodeName: string,
    signal: AbortSignal,
  ): Promise<Status | undefined> {
    const deadlineMs = clock.monotonic() + bindTimeoutMs;
    const annotated = new Set<string>();
    for (;;) {
      let isWaiting = false;
      for (const claimName of names) {
        const claim = listers.persistentVolumeClaims.get(namespace, claimName);
        if (!claim) return refuse(`binding volumes: persistentvolumeclaim "${claimName}" not found`);
        if (isClaimBound(claim)) continue;
        isWaiting = true;
        if (!provisioned.has(claimName)) continue;
        // A provisioner that cannot serve the node takes the annotation away again.
        const selected = claim.metadata.annotations?.[selectedNodeAnnotation];
        if (selected === nodeName) annotated.add(claimName);
        else if (annotated.has(claimName)) {
          return refuse(`binding volumes: provisioning failed for PVC "${claimName}"`);
        }
      }
      if (!isWaiting) return undefined;
      if (clock.monotonic() >= deadlineMs) return refuse("binding volumes: context deadline exceeded");
      await sleep(clock, bindCheckMs, signal);
    }
  }
}

function planOf(state: VolumeState | undefined, nodeName: string): VolumePlan {
  return state?.plans.get(nodeName) ?? { bind: [], provision: [] };
}

function claimKey({ metadata }: PersistentVolumeClaim): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function refuse(reason: string): Status {
  return { code: "unresolvable", plugin: name, reason };
}
