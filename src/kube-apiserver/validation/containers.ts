import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotFound,
  fieldNotSupported,
  fieldRequired,
  fieldTooMany,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Label, validatePortName, validatePortNumber } from "../../apimachinery/validation/names.ts";
import type {
  Container,
  ContainerPort,
  EphemeralContainer,
  PodSpec,
  Volume,
  VolumeMount,
} from "../../api/core/v1/types.gen.ts";
import { oneOf, syntax } from "./common.ts";
import { validateEnv, validateEnvFrom } from "./env.ts";
import { validateLifecycle, validateProbe } from "./probes.ts";
import { validateResourceRequirements } from "./resources.ts";
import { validateSecurityContext } from "./security-context.ts";
import { validateDescendingPath } from "./local-path.ts";

/** What the containers of one pod share. */
export interface ContainerScope {
  /** By name; those with errors are not there. */
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claims: ReadonlySet<string>;
  readonly isHostNetwork: boolean;
  /** Whether the pod has no user namespace of its own. */
  readonly hasHostUsers: boolean;
  readonly restartPolicy: string;
  /** What the pod gives its containers to end. */
  readonly graceSeconds: number | undefined;
}

const protocols = ["SCTP", "TCP", "UDP"];

export function validateContainers(
  containers: readonly Container[],
  scope: ContainerScope,
  path: FieldPath,
): readonly FieldError[] {
  if (containers.length === 0) return [fieldRequired(path)];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, container] of containers.entries()) {
    const at = path.index(i);
    errors.push(...validateContainer(container, scope, at));
    if (names.has(container.name)) errors.push(fieldDuplicate(at.child("name"), container.name));
    names.add(container.name);
    errors.push(
      ...validateLifecycle(container.lifecycle, scope.graceSeconds, at.child("lifecycle")),
      ...validateProbe(container.livenessProbe, "liveness", at.child("livenessProbe")),
      ...validateProbe(container.readinessProbe, "readiness", at.child("readinessProbe")),
      ...validateProbe(container.startupProbe, "startup", at.child("startupProbe")),
      ...validateRestartRules(container, at),
    );
  }
  errors.push(...validateHostPorts(containers, path));
  return errors;
}

const containerRestartPolicies = ["Always", "Never", "OnFailure"];
const restartActions = ["Restart", "RestartAllContainers"];
const restartRulesMax = 20;
const exitCodesMax = 255;

/** When the container alone starts again, whatever its pod says. */
function validateRestartRules(container: Container, path: FieldPath): readonly FieldError[] {
  const { restartPolicy: policy, restartPolicyRules: rules = [] } = container;
  const errors: FieldError[] = [];
  const policyAt = path.child("restartPolicy");
  if (policy !== undefined && !containerRestartPolicies.includes(policy)) {
    errors.push(fieldNotSupported(policyAt, policy, containerRestartPolicies));
  }
  if (policy === undefined && rules.length > 0) {
    errors.push(fieldRequired(policyAt, "must specify restartPolicy when restart rules are used"));
  }
  const rulesAt = path.child("restartPolicyRules");
  if (rules.length > restartRulesMax) errors.push(fieldTooMany(rulesAt, rules.length, restartRulesMax));
  for (const [i, { action, exitCodes }] of rules.entries()) {
    const at = rulesAt.index(i);
    if (!restartActions.includes(action ?? "")) {
      errors.push(fieldNotSupported(at.child("action"), action ?? "", restartActions));
    }
    if (!exitCodes) {
      errors.push(fieldRequired(at.child("exitCodes"), "must be specified"));
      continue;
    }
    const { operator, values = [] } = exitCodes;
    if (operator !== "In" && operator !== "NotIn") {
      errors.push(fieldNotSupported(at.child("exitCodes", "operator"), operator, ["In", "NotIn"]));
    }
    if (values.length > exitCodesMax) {
      errors.push(fieldTooMany(at.child("exitCodes", "values"), values.length, exitCodesMax));
    }
  }
  return errors;
}

export function validateInitContainers(
  containers: readonly Container[],
  regular: readonly Container[],
  scope: ContainerScope,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set(regular.map((container) => container.name));
  for (const [i, container] of containers.entries()) {
    const at = path.index(i);
    const isSidecar = container.restartPolicy === "Always";
    errors.push(...validateContainer(container, scope, at));
    if (names.has(container.name)) errors.push(fieldDuplicate(at.child("name"), container.name));
    names.add(container.name);
    errors.push(...validateRestartRules(container, at));
    if (isSidecar) {
      errors.push(
        ...validateLifecycle(container.lifecycle, scope.graceSeconds, at.child("lifecycle")),
        ...validateProbe(container.livenessProbe, "liveness", at.child("livenessProbe")),
        ...validateProbe(container.readinessProbe, "readiness", at.child("readinessProbe")),
        ...validateProbe(container.startupProbe, "startup", at.child("startupProbe")),
      );
      continue;
    }
    for (const field of ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const) {
      if (container[field]) {
        errors.push(fieldForbidden(at.child(field), "may not be set for init containers without restartPolicy=Always"));
      }
    }
  }
  return errors;
}

const ephemeralForbidden = [
  "lifecycle",
  "livenessProbe",
  "ports",
  "readinessProbe",
  "resizePolicy",
  "startupProbe",
] as const;

export function validateEphemeralContainers(
  spec: PodSpec,
  scope: ContainerScope,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const others = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.name);
  const names = new Set(others);
  const targets = new Set(others);
  for (const [i, container] of (spec.ephemeralContainers ?? []).entries()) {
    const at = path.index(i);
    errors.push(...validateContainer(container, scope, at));
    if (names.has(container.name)) errors.push(fieldDuplicate(at.child("name"), container.name));
    names.add(container.name);
    if (container.targetContainerName && !targets.has(container.targetContainerName)) {
      errors.push(fieldNotFound(at.child("targetContainerName"), container.targetContainerName));
    }
    errors.push(...validateEphemeralFields(container, at));
  }
  return errors;
}

function validateEphemeralFields(container: EphemeralContainer, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ephemeralForbidden) {
    const value = container[field];
    if (value && !(Array.isArray(value) && value.length === 0)) {
      errors.push(fieldForbidden(path.child(field), "cannot be set for an Ephemeral Container"));
    }
  }
  const { limits, requests } = container.resources;
  if (limits || requests)
    errors.push(fieldForbidden(path.child("resources"), "cannot be set for an Ephemeral Container"));
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    for (const field of ["subPath", "subPathExpr"] as const) {
      if (mount[field]) {
        errors.push(
          fieldForbidden(path.child("volumeMounts").index(i).child(field), "cannot be set for an Ephemeral Container"),
        );
      }
    }
  }
  return errors;
}

function validateContainer(container: Container, scope: ContainerScope, path: FieldPath): readonly FieldError[] {
  const { name, image } = container;
  return [
    ...(name ? syntax(path.child("name"), name, validateDns1123Label(name)) : [fieldRequired(path.child("name"))]),
    ...validateImage(image, path.child("image")),
    ...oneOf(path.child("terminationMessagePolicy"), container.terminationMessagePolicy, [
      "File",
      "FallbackToLogsOnError",
    ]),
    ...validatePorts(container.ports ?? [], scope.isHostNetwork, path.child("ports")),
    ...validateEnv(container.env ?? [], scope.volumes, path.child("env")),
    ...validateEnvFrom(container.envFrom ?? [], path.child("envFrom")),
    ...validateVolumeMounts(container, scope.volumes, path.child("volumeMounts")),
    ...validateVolumeDevices(container, scope.volumes, path.child("volumeDevices")),
    ...oneOf(path.child("imagePullPolicy"), container.imagePullPolicy, ["Always", "IfNotPresent", "Never"]),
    ...validateResourceRequirements(container.resources ?? {}, scope.claims, path.child("resources")),
    ...validateResizePolicy(container, scope, path.child("resizePolicy")),
    ...validateSecurityContext(container.securityContext, path.child("securityContext"), scope.hasHostUsers),
  ];
}

/** Upstream's paths do not say which policy it is. */
function validateResizePolicy(container: Container, scope: ContainerScope, path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, { resourceName, restartPolicy }] of (container.resizePolicy ?? []).entries()) {
    if (names.has(resourceName)) errors.push(fieldDuplicate(path.index(i), resourceName));
    names.add(resourceName);
    errors.push(
      ...oneOf(path, resourceName, ["cpu", "memory"]),
      ...oneOf(path, restartPolicy, ["NotRequired", "RestartContainer"]),
    );
    if (scope.restartPolicy === "Never" && restartPolicy !== "NotRequired") {
      const why = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
      errors.push(fieldInvalid(path, restartPolicy, why));
    }
  }
  return errors;
}

function validateImage(image: string | undefined, path: FieldPath): readonly FieldError[] {
  if (!image) return [fieldRequired(path)];
  if (image !== image.trim()) return [fieldInvalid(path, image, "must not have leading or trailing whitespace")];
  return [];
}

function validatePorts(
  ports: readonly ContainerPort[],
  isHostNetwork: boolean,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) {
    const at = path.index(i);
    if (port.name) {
      const messages = validatePortName(port.name);
      errors.push(...syntax(at.child("name"), port.name, messages));
      if (messages.length === 0 && names.has(port.name)) errors.push(fieldDuplicate(at.child("name"), port.name));
      names.add(port.name);
    }
    if (!port.containerPort) errors.push(fieldRequired(at.child("containerPort")));
    else errors.push(...syntax(at.child("containerPort"), port.containerPort, validatePortNumber(port.containerPort)));
    if (port.hostPort) {
      errors.push(...syntax(at.child("hostPort"), port.hostPort, validatePortNumber(port.hostPort)));
      if (isHostNetwork && port.hostPort !== port.containerPort) {
        errors.push(
          fieldInvalid(at.child("hostPort"), port.hostPort, "must match `containerPort` when `hostNetwork` is true"),
        );
      }
    }
    errors.push(...oneOf(at.child("protocol"), port.protocol, protocols));
  }
  return errors;
}

/** Two containers of a pod cannot claim the same port of the host. */
function validateHostPorts(containers: readonly Container[], path: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = [];
  const taken = new Set<string>();
  for (const [i, container] of containers.entries()) {
    for (const [j, port] of (container.ports ?? []).entries()) {
      if (!port.hostPort) continue;
      const key = `${port.protocol ?? "TCP"}/${port.hostIP ?? ""}/${port.hostPort}`;
      if (taken.has(key)) errors.push(fieldDuplicate(path.index(i).child("ports").index(j).child("hostPort"), key));
      taken.add(key);
    }
  }
  return errors;
}

const mountPropagations = ["Bidirectional", "HostToContainer", "None"];

function validateVolumeMounts(
  container: Container,
  volumes: ReadonlyMap<string, Volume>,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const paths = new Set<string>();
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const at = path.index(i);
    if (!mount.name) errors.push(fieldRequired(at.child("name")));
    if (!volumes.has(mount.name)) errors.push(fieldNotFound(at.child("name"), mount.name));
    if (!mount.mountPath) errors.push(fieldRequired(at.child("mountPath")));
    if (paths.has(mount.mountPath)) {
      errors.push(fieldInvalid(at.child("mountPath"), mount.mountPath, "must be unique"));
    }
    paths.add(mount.mountPath);
    if (mount.subPath) errors.push(...validateDescendingPath(mount.subPath, at.child("subPath")));
    if (mount.subPathExpr) {
      if (mount.subPath) {
        errors.push(
          fieldInvalid(at.child("subPathExpr"), mount.subPathExpr, "subPathExpr and subPath are mutually exclusive"),
        );
      }
      errors.push(...validateDescendingPath(mount.subPathExpr, at.child("subPathExpr")));
    }
    errors.push(...validateMountMode(mount, container, path));
  }
  return errors;
}

function validateVolumeDevices(
  container: Container,
  volumes: ReadonlyMap<string, Volume>,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const mounts = container.volumeMounts ?? [];
  const [paths, names] = [new Set<string>(), new Set<string>()];
  for (const [i, { name, devicePath }] of (container.volumeDevices ?? []).entries()) {
    const nameAt = path.index(i).child("name");
    const pathAt = path.index(i).child("devicePath");
    const volume = volumes.get(name);
    if (!name) errors.push(fieldRequired(nameAt));
    if (names.has(name)) errors.push(fieldInvalid(nameAt, name, "must be unique"));
    if (volume && !volume.persistentVolumeClaim && !volume.ephemeral) {
      errors.push(
        fieldInvalid(
          nameAt,
          name,
          "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
        ),
      );
    }
    if (!volume) errors.push(fieldNotFound(nameAt, name));
    if (!devicePath) errors.push(fieldRequired(pathAt));
    if (paths.has(devicePath)) errors.push(fieldInvalid(pathAt, devicePath, "must be unique"));
    if (devicePath && devicePath.split("/").includes("..")) {
      errors.push(fieldInvalid(pathAt, devicePath, "can not contain backsteps ('..')"));
    } else paths.add(devicePath);
    if (name && mounts.some((mount) => mount.name === name)) {
      errors.push(fieldInvalid(nameAt, name, "must not already exist in volumeMounts"));
    }
    if (devicePath && mounts.some((mount) => mount.mountPath === devicePath)) {
      errors.push(fieldInvalid(pathAt, devicePath, "must not already exist as a path in volumeMounts"));
    }
    if (name) names.add(name);
  }
  return errors;
}

const recursiveReadOnlyModes = ["Disabled", "Enabled", "IfPossible"];

/** Upstream's paths do not say which mount it is. */
function validateMountMode(mount: VolumeMount, container: Container, path: FieldPath): readonly FieldError[] {
  const { mountPropagation, recursiveReadOnly } = mount;
  const errors: FieldError[] = [];
  if (mountPropagation !== undefined && !mountPropagations.includes(mountPropagation)) {
    errors.push(fieldNotSupported(path.child("mountPropagation"), mountPropagation, mountPropagations));
  }
  if (mountPropagation === "Bidirectional" && !container.securityContext?.privileged) {
    errors.push(
      fieldForbidden(
        path.child("mountPropagation"),
        "Bidirectional mount propagation is available only to privileged containers",
      ),
    );
  }
  const at = path.child("recursiveReadOnly");
  if (recursiveReadOnly === undefined || recursiveReadOnly === "Disabled") return errors;
  if (!recursiveReadOnlyModes.includes(recursiveReadOnly)) {
    return [...errors, fieldNotSupported(at, recursiveReadOnly, recursiveReadOnlyModes)];
  }
  if (!mount.readOnly) errors.push(fieldForbidden(at, "may only be specified when readOnly is true"));
  if (mountPropagation !== undefined && mountPropagation !== "None") {
    errors.push(fieldForbidden(at, "may only be specified when mountPropagation is None or not specified"));
  }
  return errors;
}
