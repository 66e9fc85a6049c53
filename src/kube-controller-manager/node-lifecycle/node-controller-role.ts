import type { PolicyRule } from "../../api/rbac/v1/types.gen.ts";

/** The service account of the controllers that look after nodes. */
export const nodeControllerAccount = "node-controller";

export const nodeControllerRules: readonly PolicyRule[] = [
  { verbs: ["get", "list", "update", "delete", "patch", "watch"], apiGroups: [""], resources: ["nodes"] },
  { verbs: ["patch", "update"], apiGroups: [""], resources: ["nodes/status"] },
  { verbs: ["patch", "update"], apiGroups: [""], resources: ["pods/status"] },
  { verbs: ["list", "delete", "get", "watch"], apiGroups: [""], resources: ["pods"] },
  { verbs: ["get", "list", "watch"], apiGroups: ["coordination.k8s.io"], resources: ["leases"] },
  { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
];
