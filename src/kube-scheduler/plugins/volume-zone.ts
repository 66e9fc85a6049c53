import type { PersistentVolume } from "../../api/core/v1/types.gen.ts";
import { onEvent, skip, type Plugin, type StateKey, type Status } from "../framework/interface.ts";
import type { SchedulerListers } from "../framework/listers.ts";
import { boundVolumes } from "./pod-claims.ts";

const name = "VolumeZone";
const wrongZone: Status = { code: "unresolvable", plugin: name, reason: "node(s) had no available volume zone" };

/** The labels that place a volume, and the current name of each. */
const topologyLabels: Readonly<Record<string, string>> = {
  "topology.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region": "topology.kubernetes.io/region",
  "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
  "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
};

interface VolumeTopology {
  readonly label: string;
  readonly values: ReadonlySet<string>;
}

const key: StateKey<readonly VolumeTopology[]> = { name };

/** A volume that says in which zone or region it is can be used there only. */
export function volumeZone(listers: SchedulerListers): Plugin {
  return {
    name,
    eventsToRegister: [
      onEvent("Node", ["add", "update"]),
      onEvent("PersistentVolumeClaim", ["add", "update"]),
      onEvent("PersistentVolume", ["add", "update"]),
      onEvent("StorageClass", ["add"]),
    ],
    preFilter(state, info) {
      if (info.claimKeys.length === 0) return skip;
      const topologies = boundVolumes(info.pod, listers).flatMap(topologiesOf);
      if (topologies.length === 0) return skip;
      state.set(key, topologies);
      return undefined;
    },
    filter(state, _info, { node }) {
      const labels = node?.metadata.labels ?? {};
      // A node that says nothing of where it is may be anywhere.
      if (!Object.keys(topologyLabels).some((label) => label in labels)) return undefined;
      for (const { label, values } of state.get(key) ?? []) {
        const actual = labels[label] ?? labels[topologyLabels[label] ?? label];
        if (actual === undefined || !values.has(actual)) return wrongZone;
      }
      return undefined;
    },
  };
}

/** Volumes in several zones name them with `__` in between. */
function topologiesOf({ metadata: { labels = {} } }: PersistentVolume): readonly VolumeTopology[] {
  return Object.keys(topologyLabels).flatMap((label) => {
    const value = labels[label];
    return value === undefined ? [] : [{ label, values: new Set(value.split("__")) }];
  });
}
