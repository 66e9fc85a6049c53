import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Node } from "../../api/core/v1/types.gen.ts";
import { nodes } from "../../api/resources.gen.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import { nodeControllerAccount, nodeControllerRules } from "../node-lifecycle/node-controller-role.ts";
import { CidrSet } from "./cidr-set.ts";

/**
 * Gives each node its part of the cluster's pod addresses, one of each family. `clusterCidr` is --cluster-cidr: a range,
 * or one of each family with a comma between. Throws RangeError when it is malformed.
 */
export function nodeIpamController(clusterCidr: string): ControllerDescriptor {
  const ranges = clusterCidr.split(",");
  for (const range of ranges) void new CidrSet(range);
  return {
    name: "node-ipam-controller",
    eventSource: "cidrAllocator",
    serviceAccount: nodeControllerAccount,
    rules: nodeControllerRules,
    create: (context) => {
      const { client, recorder } = context;
      const informer = context.informers.for(nodes);
      const sets = ranges.map((range) => new CidrSet(range));
      /** What each node was given, also before the cache shows it. */
      const given = new Map<string, readonly string[]>();

      const occupy = (node: Node): void => {
        const cidrs = cidrsOf(node);
        if (cidrs.length === 0) return;
        for (const cidr of cidrs) for (const set of sets) set.occupy(cidr);
        given.set(node.metadata.name, cidrs);
      };
      const release = (name: string): void => {
        for (const cidr of given.get(name) ?? []) for (const set of sets) set.release(cidr);
        given.delete(name);
      };

      const reconcile = async (name: string, signal: AbortSignal): Promise<void> => {
        const node = informer.lister.getByKey(name);
        if (!node) {
          release(name);
          return;
        }
        if (cidrsOf(node).length > 0) return;
        const known = given.get(name);
        const podCIDRs = known ?? sets.flatMap((set) => set.allocate() ?? []);
        given.set(name, podCIDRs);
        if (podCIDRs.length < sets.length) {
          release(name);
          const target = { ...node, apiVersion: "v1", kind: "Node" };
          recorder.event(target, "Normal", "CIDRNotAvailable", `Node ${name} status is now: CIDRNotAvailable`);
          throw new Error(`no pod address range is left for node ${name}`);
        }
        const { uid } = node.metadata;
        try {
          const patch = { metadata: { uid }, spec: { podCIDR: podCIDRs[0], podCIDRs } };
          await client.resource(nodes).patch(name, "merge", patch, { signal });
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      };

      const controller = new ReconcileController({ ...context, name: "cidrallocator_node", workers: 1, reconcile });
      // All that is taken is known before anything is given: informers deliver what they hold before workers start.
      informer.addEventHandler({ onAdd: occupy, onUpdate: (_, node) => occupy(node) });
      controller.watch(informer);
      return controller;
    },
  };
}

function cidrsOf({ spec: { podCIDR, podCIDRs } }: Node): readonly string[] {
  if (podCIDRs && podCIDRs.length > 0) return podCIDRs;
  return podCIDR ? [podCIDR] : [];
}
