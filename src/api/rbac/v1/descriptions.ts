/** What `kubectl explain` says of rbac.authorization.k8s.io/v1. */
export const descriptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Role: {
    "": "What may be done in a namespace. Bound to somebody by a RoleBinding.",
    rules: "What may be done; there is no forbidding.",
  },
  ClusterRole: {
    "": "What may be done in the whole cluster, or, bound by a RoleBinding, in one namespace.",
    rules: "What may be done; there is no forbidding.",
    aggregationRule: "Takes its rules from other ClusterRoles, by their labels.",
  },
  RoleBinding: {
    "": "Gives a role to users, groups or service accounts, within a namespace.",
    subjects: "Who gets it.",
    roleRef: "The Role or ClusterRole. It cannot be changed.",
  },
  ClusterRoleBinding: {
    "": "Gives a ClusterRole to users, groups or service accounts, in the whole cluster.",
    subjects: "Who gets it.",
    roleRef: "The ClusterRole. It cannot be changed.",
  },
  PolicyRule: {
    verbs: "What may be done: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` and others; `*` for all.",
    apiGroups: "Groups of the resources; an empty text is the legacy group.",
    resources: "The resources, in the plural, with `/status` and the like for subresources; `*` for all.",
    resourceNames: "Only objects of these names.",
    nonResourceURLs: "Paths that are no resources, such as `/metrics`.",
  },
};
