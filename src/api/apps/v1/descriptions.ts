/** What `kubectl explain` says of apps/v1. */
export const descriptions: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Deployment: {
    "": "Keeps a number of equal pods running, and replaces them step by step when their template changes.",
  },
  DeploymentSpec: {
    replicas: "How many pods; 1 unless given.",
    selector: "Which pods are its own. Must match the template's labels; cannot be changed.",
    template: "What the pods look like.",
    strategy: "How pods are replaced.",
    minReadySeconds: "Seconds a new pod must be ready before it counts.",
    revisionHistoryLimit: "How many old ReplicaSets are kept to go back to; 10 unless given.",
    paused: "Changes of the template are not rolled out for now.",
    progressDeadlineSeconds: "Seconds without progress after which a rollout counts as failed; 600 unless given.",
  },
  DeploymentStrategy: {
    type: "`RollingUpdate` (the default), or `Recreate` to stop all pods first.",
    rollingUpdate: "How fast, for RollingUpdate.",
  },
  RollingUpdateDeployment: {
    maxUnavailable: "How many pods may be missing meanwhile, as a number or a percentage; 25% unless given.",
    maxSurge: "How many pods there may be beyond the wanted number, as a number or a percentage; 25% unless given.",
  },
  DeploymentStatus: {
    observedGeneration: "The generation that was last acted on.",
    replicas: "How many pods there are.",
    updatedReplicas: "How many of them follow the current template.",
    readyReplicas: "How many of them are ready.",
    availableReplicas: "How many of them have been ready for long enough.",
    unavailableReplicas: "How many are missing.",
    conditions: "`Available`, `Progressing` and `ReplicaFailure`.",
  },
  ReplicaSet: { "": "Keeps a number of equal pods running. Usually made by a Deployment." },
  ReplicaSetSpec: {
    replicas: "How many pods; 1 unless given.",
    selector: "Which pods are its own. Must match the template's labels; cannot be changed.",
    template: "What the pods look like.",
    minReadySeconds: "Seconds a new pod must be ready before it counts.",
  },
  StatefulSet: { "": "Keeps pods with a lasting identity: a name, a DNS name and storage each." },
  StatefulSetSpec: {
    replicas: "How many pods; 1 unless given.",
    selector: "Which pods are its own. Must match the template's labels; cannot be changed.",
    template: "What the pods look like.",
    volumeClaimTemplates: "Claims every pod gets for itself.",
    serviceName: "The headless Service that gives the pods their DNS names.",
    podManagementPolicy: "`OrderedReady` (the default), one after the other, or `Parallel`.",
    updateStrategy: "How pods are replaced.",
  },
  DaemonSet: { "": "Keeps one pod running on every node, or on some." },
  DaemonSetSpec: {
    selector: "Which pods are its own. Must match the template's labels; cannot be changed.",
    template: "What the pods look like.",
    updateStrategy: "How pods are replaced.",
  },
  ControllerRevision: { "": "An earlier state of a StatefulSet or DaemonSet, to go back to." },
};
