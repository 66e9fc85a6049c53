import assert from "node:assert/strict";
import { test } from "node:test";
import { applyStrategicMergePatch } from "../apimachinery/patch/strategic-merge.ts";
import { TypeRegistry } from "../apimachinery/schema/type-registry.ts";
import { builtinScheme } from "./scheme.ts";

const scheme = builtinScheme();

/** Decodes and returns the object as plain data. */
function decode(apiVersion: string, kind: string, value: unknown): Record<string, unknown> {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const { object } = kindOf(group ?? "", version ?? "", kind).decode(value);
  return { ...object };
}

function kindOf(group: string, version: string, kind: string) {
  const found = scheme.kind(group, version, kind);
  assert.ok(found, kind);
  return found;
}

function message(kind: string, value: unknown): string {
  const [group, version] = kind === "Deployment" ? ["apps", "v1"] : ["", "v1"];
  try {
    kindOf(group, version, kind).decode(value);
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}

test("every served kind, its list and its subresource kinds exist and decode an empty object", () => {
  for (const { group, versions } of scheme.groups) {
    for (const resource of versions.flatMap((version) => scheme.resources(group, version))) {
      const kinds = [resource, ...resource.subresources];
      for (const { group, version, kind } of kinds) {
        const { object } = kindOf(group, version, kind).decode({});
        kindOf(group, version, kind).applyDefaults(object);
      }
      if (resource.persisted) kindOf(resource.group, resource.version, `${resource.kind}List`).decode({ items: [{}] });
    }
  }
});

test("the schema files are sound: every name leads somewhere, no protobuf number is used twice", () => {
  for (const version of scheme.allVersions) {
    for (const name of scheme.types.names(version.folder)) {
      const struct = scheme.types.struct(version.folder, name);
      if (struct === undefined) continue;
      assert.ok(struct.fields, name);
      const numbers = Object.values(struct.schema.fields).flatMap(({ pb }) => pb ?? []);
      assert.equal(new Set(numbers).size, numbers.length, `protobuf numbers of ${struct.goName}`);
      for (const field of struct.fields) {
        const items =
          field.type.kind === "list" && field.type.items.kind === "struct" ? field.type.items.struct : undefined;
        for (const key of [...(field.schema.listMapKeys ?? []), ...(field.schema.patchMergeKey?.split(",") ?? [])]) {
          assert.ok(items?.field(key), `${struct.goName}.${field.name} is keyed by ${key}`);
        }
      }
    }
    for (const [name, texts] of Object.entries(version.descriptions ?? {})) {
      const struct = scheme.types.struct(version.folder, name);
      assert.ok(struct, name);
      for (const field of Object.keys(texts)) assert.ok(field === "" || struct.field(field), `${name}.${field}`);
    }
  }
});

test("normal form has the structs that are no pointers, what is always written, and nothing empty", () => {
  assert.deepEqual(decode("v1", "Pod", { metadata: { name: "" }, spec: { hostNetwork: false, volumes: [] } }), {
    metadata: {},
    spec: { containers: null },
    status: {},
  });
  assert.deepEqual(decode("apps/v1", "Deployment", { spec: { replicas: 0, selector: null } }), {
    metadata: {},
    spec: { replicas: 0, selector: null, template: { metadata: {}, spec: { containers: null } }, strategy: {} },
    status: {},
  });
  assert.deepEqual(decode("v1", "Service", { spec: { ports: [{ port: 80 }] } }), {
    metadata: {},
    spec: { ports: [{ port: 80, targetPort: 0 }] },
    status: { loadBalancer: {} },
  });
  assert.deepEqual(decode("v1", "Node", { status: { conditions: [{ type: "Ready", status: "True" }] } }).status, {
    conditions: [{ type: "Ready", status: "True", lastHeartbeatTime: null, lastTransitionTime: null }],
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
    nodeInfo: {
      machineID: "",
      systemUUID: "",
      bootID: "",
      kernelVersion: "",
      osImage: "",
      containerRuntimeVersion: "",
      kubeletVersion: "",
      kubeProxyVersion: "",
      operatingSystem: "",
      architecture: "",
    },
  });
});

test("fields are written in the order of the schema, whatever the order of the input", () => {
  const object = decode("v1", "ConfigMap", {
    data: { b: "2" },
    metadata: { namespace: "n", name: "m" },
    kind: "ConfigMap",
  });
  assert.equal(JSON.stringify(object), '{"kind":"ConfigMap","metadata":{"name":"m","namespace":"n"},"data":{"b":"2"}}');
});

test("unknown fields are left out and told by path, in document order", () => {
  const { object, unknownFields } = kindOf("apps", "v1", "Deployment").decode({
    spec: { template: { spec: { containers: [{ name: "web", "name:": "x" }], extra: { deep: 1 } } }, zzz: 1 },
    metadata: { labels: { anything: "goes" }, label: "typo" },
    __typo: true,
  });
  assert.deepEqual(unknownFields, [
    "spec.template.spec.containers[0].name:",
    "spec.template.spec.extra",
    "spec.zzz",
    "metadata.label",
    "__typo",
  ]);
  assert.equal(JSON.stringify(object).includes("deep"), false);
});

test("keys of clients are plain data", () => {
  const value: unknown = JSON.parse('{"metadata":{"labels":{"__proto__":"a","constructor":"b"}},"__proto__":{"x":1}}');
  const { object, unknownFields } = kindOf("", "v1", "ConfigMap").decode(value);
  assert.deepEqual(unknownFields, ["__proto__"]);
  assert.equal(JSON.stringify(object), '{"metadata":{"labels":{"__proto__":"a","constructor":"b"}}}');
  assert.equal(Object.getPrototypeOf(object.metadata.labels), Object.prototype);
});

test("a wrong type is reported as upstream's decoder does", () => {
  const at = (text: string) => `Deployment in version "v1" cannot be handled as a Deployment: ${text}`;
  const cases: readonly (readonly [unknown, string])[] = [
    [
      { spec: { replicas: "3" } },
      "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    ],
    [
      { spec: { replicas: 1.5 } },
      "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
    ],
    [
      { spec: { replicas: 3_000_000_000 } },
      "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32",
    ],
    [
      { spec: { template: { spec: { containers: [{ env: [{ name: "a", value: 1 }] }] } } } },
      "json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
    ],
    [
      { spec: { template: { spec: { containers: {} } } } },
      "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
    ],
    [
      { spec: { template: { spec: { restartPolicy: true } } } },
      "json: cannot unmarshal bool into Go struct field PodSpec.spec.template.spec.restartPolicy of type v1.RestartPolicy",
    ],
    [
      { spec: { selector: "app=web" } },
      "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.selector of type v1.LabelSelector",
    ],
    [[], "json: cannot unmarshal array into Go value of type v1.Deployment"],
    [
      { metadata: { creationTimestamp: "yesterday" } },
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
  ];
  for (const [value, text] of cases) assert.equal(message("Deployment", value), at(text));
  assert.match(message("Secret", { data: { a: "%%" } }), /illegal base64 data at input byte 0$/);
});

test("quantities are canonical", () => {
  const limits = { cpu: 0.5, memory: "1024Mi", pods: "1000", gpu: 2, tiny: "0.0000000001" };
  const container = { name: "c", resources: { limits } };
  const { spec } = decode("v1", "Pod", { spec: { containers: [container] } }) as {
    spec: { containers: { resources: { limits: unknown } }[] };
  };
  assert.deepEqual(spec.containers[0]?.resources.limits, {
    cpu: "500m",
    memory: "1Gi",
    pods: "1k",
    gpu: "2",
    tiny: "1n",
  });
  assert.match(
    message("Pod", { spec: { containers: [{ resources: { limits: { cpu: "one" } } }] } }),
    /quantities must match/,
  );
});

test("times are normalised to UTC seconds", () => {
  const time = (text: string) =>
    (decode("v1", "Pod", { metadata: { deletionTimestamp: text } }).metadata as { deletionTimestamp: unknown })
      .deletionTimestamp;
  assert.equal(time("2026-01-02T03:04:05.678Z"), "2026-01-02T03:04:05Z");
  assert.equal(time("2026-01-02T03:04:05+02:00"), "2026-01-02T01:04:05Z");
  assert.throws(() => time("2026-02-30T00:00:00Z"));
});

test("one of several JSON forms", () => {
  const schema = {
    additionalProperties: false,
    items: [{ type: "string" }],
    dependencies: { a: ["b"], c: { type: "x" } },
  };
  const definition = { spec: { versions: [{ name: "v1", schema: { openAPIV3Schema: schema } }] } };
  const { spec } = decode("apiextensions.k8s.io/v1", "CustomResourceDefinition", definition) as {
    spec: { versions: { schema: { openAPIV3Schema: unknown } }[] };
  };
  assert.deepEqual(spec.versions[0]?.schema.openAPIV3Schema, schema);
});

/** The object after decoding and defaulting, without type meta. */
function defaulted(apiVersion: string, kind: string, value: object): Record<string, unknown> {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const found = kindOf(group ?? "", version ?? "", kind);
  const { object } = found.decode(value);
  found.applyDefaults(object);
  const once = structuredClone(object);
  found.applyDefaults(object);
  assert.deepEqual(object, once, "defaults are idempotent");
  return { ...object };
}

const defaultedContainer = {
  name: "c",
  image: "nginx:1.27",
  resources: {},
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  imagePullPolicy: "IfNotPresent",
};

const defaultedPodSpec = {
  containers: [defaultedContainer],
  restartPolicy: "Always",
  terminationGracePeriodSeconds: 30,
  dnsPolicy: "ClusterFirst",
  securityContext: {},
  schedulerName: "default-scheduler",
};

const podSpec = { containers: [{ name: "c", image: "nginx:1.27" }] };

test("Deployment defaults", () => {
  const { spec } = defaulted("apps/v1", "Deployment", { spec: { template: { spec: podSpec } } });
  assert.deepEqual(spec, {
    replicas: 1,
    selector: null,
    template: { metadata: {}, spec: defaultedPodSpec },
    strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
  });
});

test("Pod defaults go beyond those of a template", () => {
  const { spec } = defaulted("v1", "Pod", {
    spec: {
      hostNetwork: true,
      serviceAccountName: "robot",
      containers: [
        {
          name: "c",
          image: "nginx:1.27",
          ports: [{ containerPort: 80 }],
          resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m" } },
        },
      ],
    },
  });
  assert.deepEqual(spec, {
    ...defaultedPodSpec,
    hostNetwork: true,
    enableServiceLinks: true,
    serviceAccountName: "robot",
    serviceAccount: "robot",
    containers: [
      {
        ...defaultedContainer,
        ports: [{ hostPort: 80, containerPort: 80, protocol: "TCP" }],
        resources: { limits: { cpu: "1", memory: "1Gi" }, requests: { cpu: "500m", memory: "1Gi" } },
      },
    ],
  });
});

test("resources of a pod are completed from its containers, else from its limits", () => {
  const container = (name: string, cpu: string, more: object = {}) => ({
    name,
    image: "x:1",
    resources: { requests: { cpu } },
    ...more,
  });
  const { spec } = defaulted("v1", "Pod", {
    spec: {
      resources: { limits: { cpu: "4", memory: "1Gi" } },
      containers: [container("a", "500m"), container("b", "1")],
      initContainers: [container("sidecar", "250m", { restartPolicy: "Always" }), container("setup", "2")],
    },
  }) as { spec: { resources: unknown } };
  assert.deepEqual(spec.resources, {
    limits: { cpu: "4", memory: "1Gi" },
    requests: { cpu: "2250m", memory: "1Gi" },
  });
});

test("the pull policy follows the tag", () => {
  const policy = (image: string) => {
    const { spec } = defaulted("v1", "Pod", { spec: { containers: [{ name: "c", image }] } });
    return (spec as { containers: { imagePullPolicy: string }[] }).containers[0]?.imagePullPolicy;
  };
  assert.equal(policy("nginx"), "Always");
  assert.equal(policy("nginx:latest"), "Always");
  assert.equal(policy("localhost:5000/nginx"), "Always");
  assert.equal(policy("localhost:5000/nginx:1"), "IfNotPresent");
  assert.equal(policy("nginx@sha256:0000"), "IfNotPresent");
});

test("probes, volumes and environment", () => {
  const { spec } = defaulted("v1", "Pod", {
    spec: {
      volumes: [{ name: "tmp" }, { name: "conf", configMap: { name: "c" } }, { name: "host", hostPath: { path: "/" } }],
      containers: [
        {
          name: "c",
          image: "x:1",
          livenessProbe: { httpGet: { port: "web" } },
          readinessProbe: { grpc: { port: 1 }, timeoutSeconds: 5 },
          env: [
            { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
            { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
          ],
        },
      ],
    },
  }) as { spec: { volumes: unknown; containers: { livenessProbe: unknown; readinessProbe: unknown; env: unknown }[] } };
  const timing = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  assert.deepEqual(spec.volumes, [
    { name: "tmp", emptyDir: {} },
    { name: "conf", configMap: { name: "c", defaultMode: 420 } },
    { name: "host", hostPath: { path: "/", type: "" } },
  ]);
  assert.deepEqual(spec.containers[0]?.livenessProbe, {
    httpGet: { path: "/", port: "web", scheme: "HTTP" },
    ...timing,
  });
  assert.deepEqual(spec.containers[0]?.readinessProbe, {
    grpc: { port: 1, service: "" },
    ...timing,
    timeoutSeconds: 5,
  });
  assert.deepEqual(spec.containers[0]?.env, [
    { name: "IP", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "status.podIP" } } },
    { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "0" } } },
  ]);
});

test("Service defaults follow its type", () => {
  const spec = (value: object) => defaulted("v1", "Service", { spec: value }).spec;
  assert.deepEqual(spec({ ports: [{ port: 80 }, { port: 53, targetPort: "dns", protocol: "UDP" }] }), {
    ports: [
      { protocol: "TCP", port: 80, targetPort: 80 },
      { protocol: "UDP", port: 53, targetPort: "dns" },
    ],
    type: "ClusterIP",
    sessionAffinity: "None",
    internalTrafficPolicy: "Cluster",
  });
  assert.deepEqual(spec({ type: "LoadBalancer", sessionAffinity: "ClientIP" }), {
    type: "LoadBalancer",
    sessionAffinity: "ClientIP",
    sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } },
    externalTrafficPolicy: "Cluster",
    internalTrafficPolicy: "Cluster",
    allocateLoadBalancerNodePorts: true,
  });
  assert.deepEqual(spec({ type: "ExternalName", externalName: "a.b" }), {
    type: "ExternalName",
    externalName: "a.b",
    sessionAffinity: "None",
  });
});

test("StatefulSet and DaemonSet update strategies", () => {
  const strategy = (kind: string, updateStrategy: object) =>
    (defaulted("apps/v1", kind, { spec: { updateStrategy } }).spec as { updateStrategy: unknown }).updateStrategy;
  assert.deepEqual(strategy("StatefulSet", {}), {
    type: "RollingUpdate",
    rollingUpdate: { partition: 0, maxUnavailable: 1 },
  });
  assert.deepEqual(strategy("StatefulSet", { type: "RollingUpdate" }), { type: "RollingUpdate" });
  assert.deepEqual(strategy("StatefulSet", { type: "OnDelete" }), { type: "OnDelete" });
  assert.deepEqual(strategy("DaemonSet", {}), {
    type: "RollingUpdate",
    rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
  });
});

test("Job defaults depend on what else is set", () => {
  const job = (spec: object) => {
    const { completions, parallelism, backoffLimit, podReplacementPolicy } = defaulted("batch/v1", "Job", { spec })
      .spec as Record<string, unknown>;
    return [completions, parallelism, backoffLimit, podReplacementPolicy];
  };
  assert.deepEqual(job({}), [1, 1, 6, "TerminatingOrFailed"]);
  assert.deepEqual(job({ parallelism: 3 }), [undefined, 3, 6, "TerminatingOrFailed"]);
  assert.deepEqual(job({ completions: 5, backoffLimitPerIndex: 1, podFailurePolicy: { rules: [] } }), [
    5,
    1,
    2_147_483_647,
    "Failed",
  ]);
  const { metadata, spec } = defaulted("batch/v1", "CronJob", { spec: { schedule: "* * * * *" } });
  assert.deepEqual(metadata, {});
  assert.deepEqual((spec as { concurrencyPolicy: string }).concurrencyPolicy, "Allow");
});

test("defaults of other groups", () => {
  const subjects = [
    { kind: "User", name: "u" },
    { kind: "ServiceAccount", name: "s" },
  ];
  assert.deepEqual(
    defaulted("rbac.authorization.k8s.io/v1", "RoleBinding", { subjects, roleRef: { kind: "Role", name: "r" } }),
    {
      metadata: {},
      subjects: [
        { kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "u" },
        { kind: "ServiceAccount", name: "s" },
      ],
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" },
    },
  );
  const webhooks = [{ name: "w", clientConfig: { service: { name: "s", namespace: "n" } }, rules: [{}] }];
  const { webhooks: hooks } = defaulted("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", {
    webhooks,
  }) as { webhooks: unknown[] };
  assert.deepEqual(hooks[0], {
    name: "w",
    clientConfig: { service: { name: "s", namespace: "n", port: 443 } },
    rules: [{ scope: "*" }],
    failurePolicy: "Fail",
    matchPolicy: "Equivalent",
    namespaceSelector: {},
    objectSelector: {},
    sideEffects: null,
    timeoutSeconds: 10,
    admissionReviewVersions: null,
    reinvocationPolicy: "Never",
  });
  assert.deepEqual(defaulted("networking.k8s.io/v1", "NetworkPolicy", { spec: { egress: [{}] } }).spec, {
    podSelector: {},
    egress: [{}],
    policyTypes: ["Ingress", "Egress"],
  });
  assert.deepEqual(defaulted("v1", "Secret", { stringData: { a: "hé" }, data: { b: "eA==" } }), {
    metadata: {},
    data: { a: "aMOp", b: "eA==" },
    type: "Opaque",
  });
  assert.deepEqual(defaulted("v1", "Namespace", { metadata: { name: "n" } }), {
    metadata: { name: "n", labels: { "kubernetes.io/metadata.name": "n" } },
    spec: {},
    status: { phase: "Active" },
  });
});

test("strategic merge knows lists by their keys", () => {
  const spec = kindOf("apps", "v1", "Deployment").patchSchema.field("spec")?.schema;
  const containers = spec?.field("template")?.schema?.field("spec")?.schema?.field("containers");
  assert.deepEqual([containers?.strategies, containers?.mergeKey], [["merge"], "name"]);
  assert.equal(containers?.schema?.field("ports")?.mergeKey, "containerPort");
  assert.deepEqual(spec?.field("strategy")?.strategies, ["retainKeys"]);
  assert.equal(spec?.field("constructor"), undefined);
});

test("a strategic merge patch of a deployment merges containers by name and keeps the rest", () => {
  const deployment = kindOf("apps", "v1", "Deployment");
  const { object } = deployment.decode({
    spec: { template: { spec: { containers: [{ name: "a", image: "x:1" }, { name: "b" }] } } },
  });
  const patch = {
    spec: { template: { spec: { containers: [{ name: "a", image: "x:2" }], nodeSelector: { disk: "ssd" } } } },
  };
  const patched = applyStrategicMergePatch({ ...object }, patch, deployment.patchSchema);
  const { spec } = deployment.decode(patched).object as unknown as { spec: { template: { spec: object } } };
  assert.deepEqual(spec.template.spec, {
    containers: [
      { name: "a", image: "x:2", resources: {} },
      { name: "b", resources: {} },
    ],
    nodeSelector: { disk: "ssd" },
  });
});

test("columns are of fields that there are, or say themselves what they show", () => {
  const types = new TypeRegistry(scheme.allVersions);
  const wrong: string[] = [];
  for (const { folder, resources } of scheme.allVersions) {
    for (const { resource, columns = [] } of resources) {
      for (const { name, of: path, description } of columns) {
        const parts = (path ?? "").split(".");
        const [type = "", field = ""] = parts.slice(-2);
        const home = parts.length > 2 ? (parts[0] ?? "") : folder;
        const isField = path !== undefined && types.struct(home, type)?.field(field) !== undefined;
        if (!isField && description === undefined) wrong.push(`${folder} ${resource} ${name}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
  const [name, , status] = scheme.resource("", "v1", "pods")?.columns ?? [];
  assert.match(name?.description ?? "", /^Unique among/);
  assert.equal(status?.description, "What its containers are doing, in one word.");
});
