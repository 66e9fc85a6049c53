import type { TopologySelectorTerm } from "../../api/core/v1/types.gen.ts";
import type { RuntimeClass } from "../../api/node/v1/types.gen.ts";
import type {
  CSIDriver,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  StorageClass,
  TokenRequest,
  VolumeAttachment,
  VolumeAttributesClass,
  VolumeError,
} from "../../api/storage/v1/types.gen.ts";
import { internalForm } from "../../api/internal-form.ts";
import { deepEqual } from "../../apimachinery/object.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import {
  inclusiveRangeMessage,
  nameIsDnsSubdomain,
  utf8Length,
  validateDns1123Label,
  validateDns1123Subdomain,
  validateQualifiedName,
} from "../../apimachinery/validation/names.ts";
import { validateLabels } from "../../apimachinery/validation/object-meta.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import {
  csiDriverCells,
  csiNodeCells,
  runtimeClassCells,
  storageClassCells,
  volumeAttachmentCells,
  volumeAttributesClassCells,
} from "../printers/others.ts";
import { immutable, nonNegative, oneOf, syntax } from "../validation/common.ts";
import { validateLabelSelector } from "../validation/label-selector.ts";
import { validateQuantity, validateResourceRequirements } from "../validation/resources.ts";
import { validateTolerations } from "../validation/tolerations.ts";
import { validateCsiDriverName } from "../validation/volumes.ts";
import { nodeLabelWarnings, nodeTermWarnings } from "../validation/node-label-warnings.ts";

const spec = FieldPath.of("spec");
const parametersMax = 512;
const parametersBytesMax = 256 * 1024;
const metadataBytesMax = 256 * 1024;
const errorMessageBytesMax = 1024;
const nodeIdBytesMax = 256;

/** Who provisions or changes volumes: a name, with or without a domain. */
function validateProvisioner(name: string, path: FieldPath): readonly FieldError[] {
  if (name === "") return [fieldRequired(path)];
  return syntax(path, name.toLowerCase(), validateQualifiedName(name.toLowerCase()));
}

function validateParameters(
  parameters: Readonly<Record<string, string>> | undefined,
  path: FieldPath,
): readonly FieldError[] {
  const entries = Object.entries(parameters ?? {});
  if (entries.length > parametersMax) return [fieldTooLong(path, parametersMax)];
  const errors: FieldError[] = entries
    .filter(([name]) => name === "")
    .map(([name]) => fieldInvalid(path, name, "field can not be empty."));
  return [...errors, ...validateBytes(parameters, path, parametersBytesMax)];
}

function validateBytes(
  map: Readonly<Record<string, string>> | undefined,
  path: FieldPath,
  bytesMax: number,
): readonly FieldError[] {
  const bytes = Object.entries(map ?? {}).reduce((sum, [name, value]) => sum + utf8Length(name) + utf8Length(value), 0);
  return bytes > bytesMax ? [fieldTooLong(path, bytesMax)] : [];
}

function validateStorageClass(object: StorageClass): readonly FieldError[] {
  const { provisioner, parameters, reclaimPolicy, volumeBindingMode, allowedTopologies = [] } = object;
  const modes = ["Immediate", "WaitForFirstConsumer"];
  return [
    ...validateProvisioner(provisioner, FieldPath.of("provisioner")),
    ...validateParameters(parameters, FieldPath.of("parameters")),
    ...oneOf(FieldPath.of("reclaimPolicy"), reclaimPolicy, ["Delete", "Retain"], true),
    ...(volumeBindingMode === undefined
      ? [fieldRequired(FieldPath.of("volumeBindingMode"))]
      : modes.includes(volumeBindingMode)
        ? []
        : [fieldNotSupported(FieldPath.of("volumeBindingMode"), volumeBindingMode, modes)]),
    ...validateTopologies(allowedTopologies, FieldPath.of("allowedTopologies")),
  ];
}

function validateTopologies(terms: readonly TopologySelectorTerm[], path: FieldPath): readonly FieldError[] {
  const sets = terms.map(({ matchLabelExpressions = [] }) =>
    Object.fromEntries(matchLabelExpressions.map(({ key, values }) => [key, [...new Set(values ?? [])].toSorted()])),
  );
  return terms.flatMap(({ matchLabelExpressions = [] }, i) => {
    const at = path.index(i).child("matchLabelExpressions");
    const errors = matchLabelExpressions.flatMap(({ key, values }, j): FieldError[] => {
      const expression = at.index(j);
      const seen = matchLabelExpressions.slice(0, j).some((each) => each.key === key);
      const own = values ?? [];
      return [
        ...(own.length === 0 ? [fieldRequired(expression.child("values"))] : []),
        ...own.flatMap((value, k) =>
          own.indexOf(value) < k ? [fieldDuplicate(expression.child("values").index(k), value)] : [],
        ),
        ...syntax(expression.child("key"), key, validateQualifiedName(key)),
        ...(seen ? [fieldDuplicate(expression.child("key"), key)] : []),
      ];
    });
    const isRepeated = sets.slice(0, i).some((each) => deepEqual(each, sets[i]));
    return [...errors, ...(isRepeated ? [fieldDuplicate(at, "")] : [])];
  });
}

function topologyWarnings({ allowedTopologies = [] }: StorageClass): readonly string[] {
  const path = FieldPath.of("allowedTopologies");
  return allowedTopologies.flatMap(({ matchLabelExpressions = [] }, i) =>
    matchLabelExpressions.flatMap(({ key }, n) =>
      nodeLabelWarnings(
        key,
        (why) => `${path.index(i).child("matchLabelExpressions").index(n).child("key").toString()}: ${why}`,
      ),
    ),
  );
}

const storageClassStrategy: Strategy<StorageClass> = {
  validate: validateStorageClass,
  validateUpdate: (object, old) => [
    ...validateStorageClass(object),
    ...(["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] as const).flatMap((name) =>
      immutable(FieldPath.of(name), object[name], old[name]),
    ),
  ],
  warningsOnCreate: topologyWarnings,
  warningsOnUpdate: topologyWarnings,
  tableCells: storageClassCells,
};

function validateAttributesClass({ driverName, parameters }: VolumeAttributesClass): readonly FieldError[] {
  const path = FieldPath.of("parameters");
  const isEmpty = Object.keys(parameters ?? {}).length === 0;
  return [
    ...validateProvisioner(driverName, FieldPath.of("driverName")),
    ...validateParameters(parameters, path),
    ...(isEmpty ? [fieldRequired(path, "must contain at least one key/value pair")] : []),
  ];
}

const volumeAttributesClassStrategy: Strategy<VolumeAttributesClass> = {
  validate: validateAttributesClass,
  validateUpdate: (object, old) => [
    ...(object.driverName === old.driverName
      ? []
      : [fieldForbidden(FieldPath.of("driverName"), "updates to driverName are forbidden.")]),
    ...(deepEqual(object.parameters, old.parameters)
      ? []
      : [fieldForbidden(FieldPath.of("parameters"), "updates to parameters are forbidden.")]),
    ...validateAttributesClass(object),
  ],
  tableCells: volumeAttributesClassCells,
};

const tokenInSecretsWarning =
  "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes";

function tokenWarnings({ spec: driver }: CSIDriver): readonly string[] {
  const isUnset = (driver.tokenRequests?.length ?? 0) > 0 && driver.serviceAccountTokenInSecrets === undefined;
  return isUnset ? [tokenInSecretsWarning] : [];
}

function validateCsiDriver({ spec: driver }: CSIDriver): readonly FieldError[] {
  const { tokenRequests = [], volumeLifecycleModes = [], nodeAllocatableUpdatePeriodSeconds: period } = driver;
  const inSecrets = driver.serviceAccountTokenInSecrets;
  const modes = ["Persistent", "Ephemeral"];
  const policies = ["File", "None", "ReadWriteOnceWithFSType"];
  return [
    ...(driver.fsGroupPolicy === undefined || policies.includes(driver.fsGroupPolicy)
      ? []
      : [fieldNotSupported(spec.child("fsGroupPolicy"), driver.fsGroupPolicy, policies)]),
    ...validateTokenRequests(tokenRequests, spec.child("tokenRequests")),
    ...volumeLifecycleModes
      .filter((mode) => !modes.includes(mode))
      .map((mode) => fieldNotSupported(spec.child("volumeLifecycleModes"), mode, modes)),
    ...(period !== undefined && period < 10
      ? [
          fieldInvalid(
            spec.child("nodeAllocatableUpdatePeriodSeconds"),
            period,
            "must be greater than or equal to 10 seconds",
          ),
        ]
      : []),
    ...(inSecrets !== undefined && tokenRequests.length === 0
      ? [
          fieldInvalid(
            spec.child("serviceAccountTokenInSecrets"),
            inSecrets,
            "serviceAccountTokenInSecrets is set but no tokenRequests are specified",
          ),
        ]
      : []),
  ];
}

function validateTokenRequests(requests: readonly TokenRequest[], path: FieldPath): readonly FieldError[] {
  return requests.flatMap(({ audience, expirationSeconds: seconds }, i) => {
    const at = path.index(i);
    if (requests.slice(0, i).some((each) => each.audience === audience))
      return [fieldDuplicate(at.child("audience"), audience)];
    if (seconds === undefined) return [];
    const error = (detail: string): FieldError[] => [fieldInvalid(at.child("expirationSeconds"), seconds, detail)];
    if (seconds < 600) return error("may not specify a duration less than 10 minutes");
    return seconds > 2 ** 32 ? error("may not specify a duration larger than 2^32 seconds") : [];
  });
}

const csiDriverStrategy: Strategy<CSIDriver> = {
  generation: "none",
  allowUnconditionalUpdate: false,
  validate: validateCsiDriver,
  // Only changes are counted: the first specification has no number.
  prepareForUpdate: (driver, old) => {
    if (!deepEqual(driver.spec, old.spec)) driver.metadata.generation = (old.metadata.generation ?? 0) + 1;
  },
  validateUpdate: (driver, old) => [
    ...validateCsiDriver(driver),
    ...immutable(spec.child("attachedRequired"), driver.spec.attachRequired, old.spec.attachRequired),
    ...immutable(spec.child("volumeLifecycleModes"), driver.spec.volumeLifecycleModes, old.spec.volumeLifecycleModes),
  ],
  warningsOnCreate: tokenWarnings,
  warningsOnUpdate: (driver, old) =>
    deepEqual(driver.spec.tokenRequests, old.spec.tokenRequests) ? [] : tokenWarnings(driver),
  tableCells: csiDriverCells,
};

function validateCsiNode({ spec: { drivers } }: CSINode): readonly FieldError[] {
  const list = drivers ?? [];
  return list.flatMap((driver, i) => {
    const at = spec.child("drivers").index(i);
    const isRepeated = list.slice(0, i).some(({ name }) => name === driver.name);
    return [
      ...validateCsiDriverName(driver.name, at.child("name")),
      ...validateNodeId(driver.nodeID, at.child("nodeID")),
      ...nonNegative(at.child("allocatable", "count"), driver.allocatable?.count),
      ...(isRepeated ? [fieldDuplicate(at.child("name"), driver.name)] : []),
      ...validateTopologyKeys(driver.topologyKeys ?? [], at),
    ];
  });
}

function validateNodeId(id: string, path: FieldPath): readonly FieldError[] {
  if (id === "") return [fieldRequired(path)];
  const isLong = utf8Length(id) > nodeIdBytesMax;
  return isLong ? [fieldInvalid(path, id, `must be ${nodeIdBytesMax} characters or less`)] : [];
}

function validateTopologyKeys(keys: readonly string[], path: FieldPath): readonly FieldError[] {
  return keys.flatMap((key, i) => [
    ...(key === "" ? [fieldRequired(path)] : []),
    ...(keys.indexOf(key) < i ? [fieldDuplicate(path, key)] : []),
    ...syntax(path, key, validateQualifiedName(key)),
  ]);
}

const csiNodeStrategy: Strategy<CSINode> = {
  allowUnconditionalUpdate: false,
  validate: validateCsiNode,
  validateUpdate: (node, old) => [...validateCsiNode(node), ...validateDriversUpdate(node, old)],
  tableCells: csiNodeCells,
};

/** Of a driver that stays, only how much it can attach may change. */
function validateDriversUpdate(node: CSINode, old: CSINode): readonly FieldError[] {
  const fixed = ({ allocatable: _allocatable, ...rest }: CSINodeDriver): unknown => rest;
  return (old.spec.drivers ?? []).flatMap((before) => {
    const next = node.spec.drivers?.find(({ name }) => name === before.name);
    return next ? immutable(spec.child("drivers"), fixed(next), fixed(before)) : [];
  });
}

function validateAttachment({ spec: attachment, status }: VolumeAttachment): readonly FieldError[] {
  const { attacher, source, nodeName } = attachment;
  const { persistentVolumeName, inlineVolumeSpec } = source;
  const at = spec.child("source");
  const one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
  const errors: FieldError[] = [...validateCsiDriverName(attacher, spec.child("attacher"))];
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) errors.push(fieldRequired(at, one));
  else if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) errors.push(fieldForbidden(at, one));
  else if (persistentVolumeName === "")
    errors.push(fieldRequired(at.child("persistentVolumeName"), "must specify non empty persistentVolumeName"));
  errors.push(...syntax(spec.child("nodeName"), nodeName, validateDns1123Subdomain(nodeName)));
  const state = FieldPath.of("status");
  errors.push(...validateBytes(status.attachmentMetadata, state.child("attachmentMetadata"), metadataBytesMax));
  for (const name of ["attachError", "detachError"] as const)
    errors.push(...validateVolumeError(status[name], state.child(name)));
  if (persistentVolumeName !== undefined) {
    const path = at.child("persistentVolumeName");
    errors.push(...syntax(path, persistentVolumeName, validateDns1123Subdomain(persistentVolumeName)));
  }
  return errors;
}

function validateVolumeError(error: VolumeError | undefined, path: FieldPath): readonly FieldError[] {
  const { message = "", errorCode } = error ?? {};
  return [
    // As upstream, which tells the limit of something else.
    ...(utf8Length(message) > errorMessageBytesMax ? [fieldTooLong(path.child("message"), metadataBytesMax)] : []),
    ...(errorCode !== undefined && errorCode < 0
      ? [fieldInvalid(path.child("errorCode"), errorCode, inclusiveRangeMessage(0, 2 ** 31 - 1))]
      : []),
  ];
}

const volumeAttachmentStrategy: Strategy<VolumeAttachment> = {
  generation: "none",
  allowUnconditionalUpdate: false,
  validate: validateAttachment,
  validateUpdate: (attachment, old) => [
    ...validateAttachment(attachment),
    ...immutable(spec, attachment.spec, old.spec),
  ],
  validateStatus: (attachment) => validateAttachment(attachment),
  tableCells: volumeAttachmentCells,
};

function validateCapacity({ nodeTopology, storageClassName, capacity }: CSIStorageCapacity): readonly FieldError[] {
  return [
    ...validateLabelSelector(nodeTopology, FieldPath.of("nodeTopology")),
    ...syntax(FieldPath.of("storageClassName"), storageClassName, nameIsDnsSubdomain(storageClassName, false)),
    ...(capacity === undefined ? [] : validateQuantity(capacity, FieldPath.of("capacity"))),
  ];
}

function capacityWarnings({ nodeTopology }: CSIStorageCapacity): readonly string[] {
  return [
    ...(nodeTopology ? nodeTermWarnings(nodeTopology, FieldPath.of("nodeTopology"), false) : []),
    ...Object.keys(nodeTopology?.matchLabels ?? {}).flatMap((label) =>
      nodeLabelWarnings(label, (why) => `nodeTopology.matchLabels.${label}: ${why}`),
    ),
  ];
}

const csiStorageCapacityStrategy: Strategy<CSIStorageCapacity> = {
  allowUnconditionalUpdate: false,
  validate: validateCapacity,
  warningsOnCreate: capacityWarnings,
  warningsOnUpdate: capacityWarnings,
  // What was asked of the driver stays; what it answered may change, to whatever it answered.
  validateUpdate: (object, old) => [
    ...immutable(FieldPath.of("nodeTopology"), object.nodeTopology, old.nodeTopology),
    ...immutable(FieldPath.of("storageClassName"), object.storageClassName, old.storageClassName),
  ],
};

function validateRuntimeClass({ handler, overhead, scheduling }: RuntimeClass): readonly FieldError[] {
  const at = FieldPath.of("scheduling");
  const tolerations = scheduling?.tolerations ?? [];
  const key = (i: number): unknown => {
    const { tolerationSeconds: _seconds, ...rest } = tolerations[i] ?? {};
    return rest;
  };
  const limits = overhead?.podFixed;
  return [
    ...(handler === ""
      ? [fieldRequired(FieldPath.of("handler"))]
      : syntax(FieldPath.of("handler"), handler, validateDns1123Label(handler))),
    ...(limits ? validateResourceRequirements({ limits }, new Set(), FieldPath.of("overhead")) : []),
    ...validateLabels(scheduling?.nodeSelector, at.child("nodeSelector")),
    ...validateTolerations(tolerations, at.child("tolerations")),
    ...tolerations.flatMap((toleration, i) =>
      tolerations.slice(0, i).some((_, j) => deepEqual(key(i), key(j)))
        ? [fieldDuplicate(at.child("tolerations").index(i), internalForm(toleration, "core/v1.Toleration"))]
        : [],
    ),
  ];
}

function schedulingWarnings({ scheduling }: RuntimeClass): readonly string[] {
  return Object.keys(scheduling?.nodeSelector ?? {}).flatMap((label) =>
    nodeLabelWarnings(label, (why) => `scheduling.nodeSelector: ${why}`),
  );
}

const runtimeClassStrategy: Strategy<RuntimeClass> = {
  allowUnconditionalUpdate: false,
  validate: validateRuntimeClass,
  validateUpdate: (object, old) => immutable(FieldPath.of("handler"), object.handler, old.handler),
  warningsOnCreate: schedulingWarnings,
  warningsOnUpdate: schedulingWarnings,
  tableCells: runtimeClassCells,
};

/** By `group/resource`. */
export const storageStrategies = {
  "node.k8s.io/runtimeclasses": runtimeClassStrategy,
  "storage.k8s.io/storageclasses": storageClassStrategy,
  "storage.k8s.io/volumeattributesclasses": volumeAttributesClassStrategy,
  "storage.k8s.io/csidrivers": csiDriverStrategy,
  "storage.k8s.io/csinodes": csiNodeStrategy,
  "storage.k8s.io/volumeattachments": volumeAttachmentStrategy,
  "storage.k8s.io/csistoragecapacities": csiStorageCapacityStrategy,
} as const;
