import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../api/scheme.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { formatFieldError } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { defined } from "../../component-base/assert.ts";
import { validatePodSpec } from "./pod-spec.ts";

const kind = defined(builtinScheme().kind("", "v1", "Pod"), "Pod");

/** The errors of a pod's spec after decoding and defaulting, as the server meets it. */
function errorsOf(spec: object): readonly string[] {
  const { object } = kind.decode({ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec });
  kind.applyDefaults(object);
  const pod = object as unknown as Pod;
  return validatePodSpec(pod.spec, pod.metadata, FieldPath.of("spec")).map(formatFieldError);
}

const container = { name: "c", image: "i" };
const withContainer = (more: object): object => ({ containers: [{ ...container, ...more }] });
const label = `a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`;

const cases: readonly (readonly [string, object, readonly string[]])[] = [
  ["valid", withContainer({}), []],
  [
    "a variable from a file of a volume that is no emptyDir",
    {
      ...withContainer({
        env: [
          { name: "A", valueFrom: { fileKeyRef: { volumeName: "v", path: "f", key: "k" } } },
          { name: "B", valueFrom: { fileKeyRef: { volumeName: "w", path: "f", key: "k" } } },
        ],
      }),
      volumes: [
        { name: "v", emptyDir: {} },
        { name: "w", secret: { secretName: "s" } },
      ],
    },
    [
      'spec.containers[0].env[1].valueFrom.fileKeyRef.volumeName: Invalid value: "w": referenced volume must be of type emptyDir',
    ],
  ],
  ["no containers", { containers: [] }, ["spec.containers: Required value"]],
  [
    "no name, no image",
    { containers: [{ name: "" }] },
    ["spec.containers[0].name: Required value", "spec.containers[0].image: Required value"],
  ],
  ["bad name", withContainer({ name: "A" }), [`spec.containers[0].name: Invalid value: "A": ${label}`]],
  ["same names", { containers: [container, container] }, ['spec.containers[1].name: Duplicate value: "c"']],
  [
    "a user namespace beside the host's other namespaces",
    {
      hostUsers: false,
      hostNetwork: true,
      hostPID: true,
      hostIPC: true,
      containers: [container],
      initContainers: [{ ...container, name: "i", securityContext: { procMount: "Unmasked" } }],
    },
    ["hostNetwork", "HostPID", "HostIPC"].map((field) => `spec.${field}: Forbidden: when \`hostUsers\` is false`),
  ],
  [
    "an unmasked /proc of the host's users",
    withContainer({ securityContext: { procMount: "Unmasked" } }),
    [
      'spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`',
    ],
  ],
  [
    "port out of range",
    withContainer({ ports: [{ containerPort: 70000 }] }),
    ["spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"],
  ],
  [
    "unknown pull policy",
    withContainer({ imagePullPolicy: "Sometimes" }),
    [
      'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    ],
  ],
  [
    "request over limit",
    withContainer({ resources: { limits: { cpu: "1" }, requests: { cpu: "2" } } }),
    ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
  ],
  [
    "unknown resource",
    withContainer({ resources: { limits: { gpu: "1" } } }),
    [
      'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource for containers',
      'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
      'spec.containers[0].resources.requests[gpu]: Invalid value: "gpu": must be a standard resource for containers',
    ],
  ],
  [
    "mount of no volume",
    withContainer({ volumeMounts: [{ name: "v", mountPath: "/v" }] }),
    ['spec.containers[0].volumeMounts[0].name: Not found: "v"'],
  ],
  [
    "volume without source becomes emptyDir; two sources do not",
    { ...withContainer({}), volumes: [{ name: "v" }, { name: "w", emptyDir: {}, hostPath: { path: "/" } }] },
    ["spec.volumes[1].hostPath: Forbidden: may not specify more than 1 volume type"],
  ],
  [
    "probe without handler",
    withContainer({ livenessProbe: { periodSeconds: 1 } }),
    ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
  ],
  [
    "liveness needs one success",
    withContainer({ livenessProbe: { exec: { command: ["true"] }, successThreshold: 2 } }),
    ["spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"],
  ],
  [
    "value and valueFrom",
    withContainer({ env: [{ name: "A", value: "x", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
    ['spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
  ],
  [
    "unknown field path",
    withContainer({ env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "spec.hostname" } } }] }),
    [
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.hostname": error converting fieldPath: field label not supported: spec.hostname',
    ],
  ],
  [
    "restart policy",
    { ...withContainer({}), restartPolicy: "Maybe" },
    ['spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"'],
  ],
  [
    "toleration of everything needs Exists",
    { ...withContainer({}), tolerations: [{ operator: "Equal" }] },
    [
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
  ],
  [
    "init containers have no probes",
    {
      ...withContainer({}),
      initContainers: [{ ...container, name: "i", readinessProbe: { exec: { command: ["true"] } } }],
    },
    [
      "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
    ],
  ],
  [
    "deadline",
    { ...withContainer({}), activeDeadlineSeconds: 0 },
    ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"],
  ],
];

for (const [name, spec, expected] of cases) {
  test(`pod spec: ${name}`, () => assert.deepEqual(errorsOf(spec), expected));
}
