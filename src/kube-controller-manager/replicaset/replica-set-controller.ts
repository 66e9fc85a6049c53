import { replicaSets } from "../../api/resources.gen.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { createReplicaController } from "./replica-controller.ts";

export const replicaSetController: ControllerDescriptor = {
  name: "replicaset-controller",
  serviceAccount: "replicaset-controller",
  rules: [
    { verbs: ["get", "list", "watch", "update"], apiGroups: ["apps"], resources: ["replicasets"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["replicasets/status"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["replicasets/finalizers"] },
    { verbs: ["list", "watch", "create", "delete", "patch"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) =>
    createReplicaController(context, {
      queue: "replicaset",
      type: replicaSets,
      selectorOf: (rs) => rs.spec.selector,
      statusOf: (status) => status,
    }),
};
