/** Where a version stands among all: its group among the groups, and itself among the group's versions. */
export interface Priority {
  readonly group: number;
  readonly version: number;
}

const firstVersion = 15;
const groupPriorities: Readonly<Record<string, number>> = {
  // Higher than any APIService may ask for: what it all rests on comes first.
  "apiregistration.k8s.io": 20_001,
  "": 18_000,
  apps: 17_800,
  "events.k8s.io": 17_750,
  "authentication.k8s.io": 17_700,
  "authorization.k8s.io": 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  "certificates.k8s.io": 17_300,
  "networking.k8s.io": 17_200,
  policy: 17_100,
  "rbac.authorization.k8s.io": 17_000,
  "storage.k8s.io": 16_800,
  "admissionregistration.k8s.io": 16_700,
  "apiextensions.k8s.io": 16_700,
  "scheduling.k8s.io": 16_600,
  "coordination.k8s.io": 16_500,
  "node.k8s.io": 16_300,
  "discovery.k8s.io": 16_200,
  "resource.k8s.io": 16_200,
  "flowcontrol.apiserver.k8s.io": 16_100,
};
const versionPriorities: Readonly<Record<string, number>> = {
  "/v1": 1,
  "autoscaling/v2": 30,
  "resource.k8s.io/v1": 21,
  "flowcontrol.apiserver.k8s.io/v1": 21,
};

/** Of custom resources, and of what nobody says otherwise of. */
export const customResourcePriority: Priority = { group: 1000, version: 100 };
/** metrics-server's own manifest asks for these. */
export const metricsPriority: Priority = { group: 100, version: 100 };

/** Upstream's priority of a built-in version; undefined for groups that are not upstream's own. */
export function builtinPriority(group: string, version: string): Priority | undefined {
  const priority = groupPriorities[group];
  if (priority === undefined) return undefined;
  return { group: priority, version: versionPriorities[`${group}/${version}`] ?? firstVersion };
}
