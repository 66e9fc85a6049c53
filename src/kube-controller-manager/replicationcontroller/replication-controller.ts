import { replicationControllers } from "../../api/resources.gen.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { createReplicaController } from "../replicaset/replica-controller.ts";

/** ReplicationControllers are ReplicaSets with a plain map as selector. */
export const replicationController: ControllerDescriptor = {
  name: "replicationcontroller-controller",
  eventSource: "replication-controller",
  serviceAccount: "replication-controller",
  rules: [
    { verbs: ["get", "list", "watch", "update"], apiGroups: [""], resources: ["replicationcontrollers"] },
    { verbs: ["update"], apiGroups: [""], resources: ["replicationcontrollers/status"] },
    { verbs: ["update"], apiGroups: [""], resources: ["replicationcontrollers/finalizers"] },
    { verbs: ["list", "watch", "create", "delete", "patch"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) =>
    createReplicaController(context, {
      queue: "replicationmanager",
      type: replicationControllers,
      // No selector selects nothing here; an empty LabelSelector would select everything.
      selectorOf: (rc) =>
        Object.keys(rc.spec.selector ?? {}).length > 0 ? { matchLabels: rc.spec.selector ?? {} } : null,
      statusOf: (status) => {
        const { terminatingReplicas: _, ...rest } = status;
        return rest;
      },
    }),
};
