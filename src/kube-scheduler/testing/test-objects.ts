import type {
  Affinity,
  Container,
  Node,
  Pod,
  PodSpec,
  Taint,
  Toleration,
  TopologySpreadConstraint,
} from "../../api/core/v1/types.gen.ts";
import type { OwnerReference } from "../../apimachinery/meta/v1/types.gen.ts";
import type { Labels } from "../../component-helpers/label-selector.ts";

export interface NodeShape {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  /** Extended resources and whatever else is allocatable. */
  readonly extended?: Labels;
  readonly labels?: Labels;
  readonly taints?: readonly Taint[];
  readonly unschedulable?: boolean;
  /** Sizes in bytes by image name. */
  readonly images?: Readonly<Record<string, number>>;
}

/** A node as the scheduler needs it. */
export function testNode(name: string, shape: NodeShape = {}): Node {
  const { cpu = "4", memory = "8Gi", pods = "110", extended, labels = {}, taints, unschedulable, images = {} } = shape;
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, uid: `uid-${name}`, labels },
    spec: { ...(taints ? { taints } : {}), ...(unschedulable ? { unschedulable } : {}) },
    status: {
      allocatable: { cpu, memory, pods, ...extended },
      images: Object.entries(images).map(([image, sizeBytes]) => ({ names: [image], sizeBytes })),
    },
  };
  // Tests leave out what the scheduler does not read.
  return node as unknown as Node;
}

export interface PodShape {
  readonly namespace?: string;
  readonly cpu?: string;
  readonly memory?: string;
  readonly requests?: Labels;
  readonly labels?: Labels;
  readonly priority?: number;
  readonly nodeName?: string;
  readonly image?: string;
  readonly ports?: Container["ports"];
  readonly affinity?: Affinity;
  readonly nodeSelector?: Labels;
  readonly spread?: readonly TopologySpreadConstraint[];
  readonly tolerations?: readonly Toleration[];
  readonly owner?: Pick<OwnerReference, "kind" | "name">;
  readonly startTime?: string;
  readonly terminating?: boolean;
  readonly nominatedNodeName?: string;
  readonly claims?: readonly string[];
  readonly spec?: Partial<PodSpec>;
}

/** A pod as the scheduler needs it, with one container. */
export function testPod(name: string, shape: PodShape = {}): Pod {
  const { namespace = "default", cpu, memory, requests, labels = {}, owner, claims, ports, image } = shape;
  const all = { ...(cpu ? { cpu } : {}), ...(memory ? { memory } : {}), ...requests };
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      uid: `uid-${name}`,
      labels,
      ...(owner ? { ownerReferences: [{ apiVersion: "apps/v1", uid: "owner", controller: true, ...owner }] } : {}),
      ...(shape.terminating ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: {
      containers: [{ name: "c", image: image ?? "", resources: { requests: all }, ...(ports ? { ports } : {}) }],
      ...optional("priority", shape.priority),
      ...optional("nodeName", shape.nodeName),
      ...optional("affinity", shape.affinity),
      ...optional("nodeSelector", shape.nodeSelector),
      ...optional("topologySpreadConstraints", shape.spread),
      ...optional("tolerations", shape.tolerations),
      ...(claims
        ? { volumes: claims.map((claim) => ({ name: claim, persistentVolumeClaim: { claimName: claim } })) }
        : {}),
      ...shape.spec,
    },
    status: { ...optional("startTime", shape.startTime), ...optional("nominatedNodeName", shape.nominatedNodeName) },
  };
  // Tests leave out what the scheduler does not read.
  return pod as unknown as Pod;
}

function optional(key: string, value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined ? {} : { [key]: value };
}
