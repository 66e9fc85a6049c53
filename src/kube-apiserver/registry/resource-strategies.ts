import { goQuote } from "../../apimachinery/go-format.ts";
import type {
  Device,
  DeviceAttribute,
  DeviceClass,
  DeviceClaim,
  DeviceConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceTaint,
  DeviceToleration,
  ResourceClaim,
  ResourceClaimSpec,
  ResourceClaimTemplate,
  ResourcePool,
  ResourceSlice,
  ResourceSliceSpec,
} from "../../api/resource/v1/types.gen.ts";
import { internalForm } from "../../api/internal-form.ts";
import { deepEqual, isJsonObject } from "../../apimachinery/object.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  fieldTooMany,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import {
  utf8Length,
  validateCIdentifier,
  validateDns1123Label,
  validateDns1123Subdomain,
  validateLabelValue,
} from "../../apimachinery/validation/names.ts";
import { immutableFieldMessage, validateLabelName } from "../../apimachinery/validation/object-meta.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { resourceClaimCells, resourceSliceCells } from "../printers/others.ts";
import { validateNodeSelector } from "../validation/affinity.ts";
import { immutable, syntax } from "../validation/common.ts";
import { isExtendedResourceName } from "../validation/resources.ts";
import { validateTemplateMetadata } from "../validation/volume-claim.ts";
import { validateCsiDriverName } from "../validation/volumes.ts";

// Differs from upstream: the expressions of device selectors are not compiled, for nothing here evaluates them yet; statuses of
// claims, and counters and capacities of devices, are taken as they come.

const spec = FieldPath.of("spec");
const listMax = 32;
const alternativesMax = 8;
const taintsMax = 16;
const devicesMax = 128;
const devicesWithMoreMax = 64;
const idBytesMax = 32;
const valueBytesMax = 64;
const poolNameBytesMax = 253;
const expressionBytesMax = 10 * 1024;
const parametersBytesMax = 10 * 1024;
const partsMax = 32;

type Validate<T> = (item: T, path: FieldPath) => readonly FieldError[];

/** Of too long a list only its length is told. */
function validateList<T>(
  items: readonly T[] | null | undefined,
  path: FieldPath,
  max: number,
  validate: Validate<T>,
): readonly FieldError[] {
  const list = items ?? [];
  if (list.length > max) return [fieldTooMany(path, list.length, max)];
  return list.flatMap((item, i) => validate(item, path.index(i)));
}

/** A list whose items have a key each. */
function validateSet<T>(
  items: readonly T[] | null | undefined,
  path: FieldPath,
  { max, keyOf }: { readonly max: number; readonly keyOf: (item: T) => string },
  validate: Validate<T>,
): readonly FieldError[] {
  const list = items ?? [];
  const errors = validateList(list, path, max, validate);
  if (list.length > max) return errors;
  const keys = list.map(keyOf);
  return [...errors, ...keys.flatMap((key, i) => (keys.indexOf(key) < i ? [fieldDuplicate(path.index(i), key)] : []))];
}

const byName = ({ name }: { readonly name: string }): string => name;

function validateClaim({ requests, constraints, config }: DeviceClaim, path: FieldPath): readonly FieldError[] {
  const names = requestNamesOf(requests ?? []);
  const reference: Validate<string> = (name, at) => validateReference(name, at, names);
  const references = { max: listMax, keyOf: (name: string) => name };
  return [
    ...validateSet(requests, path.child("requests"), { max: listMax, keyOf: byName }, validateRequest),
    ...validateList(constraints, path.child("constraints"), listMax, (constraint, at) => [
      ...validateSet(constraint.requests, at.child("requests"), references, reference),
      ...validateConstraint(constraint, at),
    ]),
    ...validateList(config, path.child("config"), listMax, (each, at) => [
      ...validateSet(each.requests, at.child("requests"), references, reference),
      ...validateConfiguration(each, at),
    ]),
  ];
}

/** `request`, and `request/alternative` for each alternative of one. */
function requestNamesOf(requests: readonly DeviceRequest[]): ReadonlySet<string> {
  return new Set(
    requests.flatMap(({ name, firstAvailable = [] }) => [
      name,
      ...firstAvailable.map((each) => `${name}/${each.name}`),
    ]),
  );
}

function validateReference(name: string, path: FieldPath, known: ReadonlySet<string>): readonly FieldError[] {
  const detail =
    "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'";
  const segments = name.split("/");
  const unknown = fieldInvalid(path, name, detail);
  if (segments.length > 2) return [unknown];
  const errors = segments.flatMap((segment) => syntax(path, segment, validateDns1123Label(segment)));
  return known.has(name) ? errors : [...errors, unknown];
}

function validateRequest(request: DeviceRequest, path: FieldPath): readonly FieldError[] {
  const { name, exactly, firstAvailable = [] } = request;
  const errors = [...syntax(path.child("name"), name, validateDns1123Label(name))];
  const one = "exactly one of `exactly` or `firstAvailable` is required";
  const hasAlternatives = firstAvailable.length > 0;
  if (!exactly && !hasAlternatives) return [...errors, fieldRequired(path, one)];
  if (exactly && hasAlternatives) return [...errors, fieldInvalid(path, null, `${one}, but multiple fields are set`)];
  if (exactly) return [...errors, ...validateWanted(exactly, path.child("exactly"))];
  const rules = { max: alternativesMax, keyOf: byName };
  return [
    ...errors,
    ...validateSet(firstAvailable, path.child("firstAvailable"), rules, (each, at) => [
      ...syntax(at.child("name"), each.name, validateDns1123Label(each.name)),
      ...validateWanted(each, at),
    ]),
  ];
}

type Wanted = NonNullable<DeviceRequest["exactly"]> | NonNullable<DeviceRequest["firstAvailable"]>[number];

function validateWanted(wanted: Wanted, path: FieldPath): readonly FieldError[] {
  const { deviceClassName, selectors, allocationMode = "", count = 0, tolerations } = wanted;
  const at = path.child("deviceClassName");
  const counted = path.child("count");
  const modes = ["All", "ExactCount"];
  return [
    ...(deviceClassName === ""
      ? [fieldRequired(at)]
      : syntax(at, deviceClassName, validateDns1123Subdomain(deviceClassName))),
    ...validateList(selectors, path.child("selectors"), listMax, validateSelector),
    ...(modes.includes(allocationMode) ? [] : [fieldNotSupported(path.child("allocationMode"), allocationMode, modes)]),
    ...(allocationMode === "All" && count !== 0
      ? [fieldInvalid(counted, count, "must not be specified when allocationMode is 'All'")]
      : []),
    ...(allocationMode === "ExactCount" && count <= 0
      ? [fieldInvalid(counted, count, "must be greater than zero")]
      : []),
    ...validateList(tolerations, path.child("tolerations"), taintsMax, validateToleration),
  ];
}

function validateSelector({ cel }: DeviceSelector, path: FieldPath): readonly FieldError[] {
  const at = path.child("cel");
  if (!cel) return [fieldRequired(at)];
  const isLong = utf8Length(cel.expression) > expressionBytesMax;
  return isLong ? [fieldTooLong(at.child("expression"), expressionBytesMax)] : [];
}

const effects = ["NoExecute", "NoSchedule", "None"];

function validateToleration(toleration: DeviceToleration, path: FieldPath): readonly FieldError[] {
  const { key = "", value = "" } = toleration;
  const operator: string = toleration.operator ?? "";
  const errors = key === "" ? [] : [...validateLabelName(key, path.child("key"))];
  if (operator === "Exists") {
    if (value !== "") errors.push(fieldInvalid(path.child("value"), value, "must be empty for operator `Exists`"));
  } else if (operator === "Equal") errors.push(...syntax(path.child("value"), value, validateLabelValue(value)));
  else if (operator === "") errors.push(fieldRequired(path.child("operator")));
  else errors.push(fieldNotSupported(path.child("operator"), operator, ["Equal", "Exists"]));
  return [...errors, ...validateEffect(toleration.effect ?? "", path.child("effect"), false)];
}

function validateTaint({ key, value = "", effect }: DeviceTaint, path: FieldPath): readonly FieldError[] {
  return [
    ...validateLabelName(key, path.child("key")),
    ...(value === "" ? [] : syntax(path.child("value"), value, validateLabelValue(value))),
    ...validateEffect(effect, path.child("effect"), true),
  ];
}

function validateEffect(effect: string, path: FieldPath, isRequired: boolean): readonly FieldError[] {
  if (effect === "") return isRequired ? [fieldRequired(path)] : [];
  return effects.includes(effect) ? [] : [fieldNotSupported(path, effect, effects)];
}

function validateConstraint(
  { matchAttribute, distinctAttribute }: DeviceConstraint,
  path: FieldPath,
): readonly FieldError[] {
  if (matchAttribute !== undefined) return validateFullName(matchAttribute, path.child("matchAttribute"));
  if (distinctAttribute !== undefined) return validateFullName(distinctAttribute, path.child("distinctAttribute"));
  const detail = 'exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set';
  return [fieldRequired(path, detail)];
}

function validateFullName(name: string, path: FieldPath): readonly FieldError[] {
  const errors = validateAttributeName(name, path);
  const detail = "a fully qualified name must be a domain and a name separated by a slash";
  return name.includes("/") ? errors : [...errors, fieldInvalid(path, name, detail)];
}

/** An identifier, with or without the domain of a driver. */
function validateAttributeName(name: string, path: FieldPath): readonly FieldError[] {
  const parts = name.split("/");
  const [first = "", second = ""] = parts;
  if (parts.length === 1) return validateIdentifier(first, path);
  if (parts.length > 2) return [];
  return [
    ...(first === "" ? [fieldInvalid(path, "", "the domain must not be empty")] : validateCsiDriverName(first, path)),
    ...(second === "" ? [fieldInvalid(path, "", "the name must not be empty")] : validateIdentifier(second, path)),
  ];
}

function validateIdentifier(id: string, path: FieldPath): readonly FieldError[] {
  const isLong = utf8Length(id) > idBytesMax;
  return [...(isLong ? [fieldTooLong(path, idBytesMax)] : []), ...syntax(path, id, validateCIdentifier(id))];
}

function validateConfiguration({ opaque }: DeviceConfiguration, path: FieldPath): readonly FieldError[] {
  const at = path.child("opaque");
  if (!opaque) return [fieldRequired(at)];
  return [
    ...validateCsiDriverName(opaque.driver, at.child("driver")),
    ...validateOpaque(opaque.parameters, at.child("parameters")),
  ];
}

function validateOpaque(parameters: unknown, path: FieldPath): readonly FieldError[] {
  if (parameters === undefined || parameters === null) return [fieldRequired(path)];
  if (utf8Length(JSON.stringify(parameters)) > parametersBytesMax) return [fieldTooLong(path, parametersBytesMax)];
  return isJsonObject(parameters) ? [] : [fieldInvalid(path, "<value omitted>", "must be a valid JSON object")];
}

function validateDeviceClass({ spec: { selectors, config, extendedResourceName } }: DeviceClass): FieldError[] {
  const isNamed = extendedResourceName === undefined || isExtendedResourceName(extendedResourceName);
  const at = spec.child("extendedResourceName");
  return [
    ...validateList(selectors, spec.child("selectors"), listMax, validateSelector),
    ...validateList(config, spec.child("config"), listMax, validateConfiguration),
    ...(isNamed ? [] : [fieldInvalid(at, extendedResourceName, "must be a valid extended resource name")]),
  ];
}

/** What is asked for does not change. */
function validateUnchanged(next: ResourceClaimSpec, old: ResourceClaimSpec): readonly FieldError[] {
  const shown = internalForm(next, "resource/v1.ResourceClaimSpec");
  return semanticEqual(next, old) ? [] : [fieldInvalid(spec, shown, immutableFieldMessage)];
}

function validateSlice({ spec: slice }: ResourceSlice, old?: ResourceSlice): readonly FieldError[] {
  const { driver, pool, devices } = slice;
  const before = old?.spec;
  const hasMore = (devices ?? []).some(
    ({ taints, consumesCounters, attributes }) =>
      (taints?.length ?? 0) > 0 ||
      (consumesCounters?.length ?? 0) > 0 ||
      Object.values(attributes ?? {}).some(
        ({ bools, ints, strings, versions }) => bools ?? ints ?? strings ?? versions,
      ),
  );
  const max = hasMore ? devicesWithMoreMax : devicesMax;
  return [
    ...validateCsiDriverName(driver, spec.child("driver")),
    ...validatePool(pool, spec.child("pool")),
    ...(before
      ? [
          ...immutable(spec.child("pool", "name"), pool.name, before.pool.name),
          ...immutable(spec.child("driver"), driver, before.driver),
          ...immutable(spec.child("nodeName"), slice.nodeName, before.nodeName),
        ]
      : []),
    ...validateNodes(slice),
    ...(slice.sharedCounters && devices
      ? [fieldInvalid(spec, "", "only one of `sharedCounters` or `devices` is allowed")]
      : []),
    ...validateSet(devices, spec.child("devices"), { max, keyOf: byName }, (device, at) =>
      validateDevice(
        device,
        at,
        before?.devices?.find(({ name }) => name === device.name),
      ),
    ),
  ];
}

function validatePool({ name, generation, resourceSliceCount }: ResourcePool, path: FieldPath): readonly FieldError[] {
  const at = path.child("name");
  const nameErrors = [
    ...(utf8Length(name) > poolNameBytesMax ? [fieldTooLong(at, poolNameBytesMax)] : []),
    ...name.split("/").flatMap((part) => syntax(at, part, validateDns1123Subdomain(part))),
  ];
  return [
    ...(name === "" ? [fieldRequired(at)] : nameErrors),
    ...(resourceSliceCount > 0
      ? []
      : [fieldInvalid(path.child("resourceSliceCount"), resourceSliceCount, "must be greater than zero")]),
    ...(generation < 0
      ? [fieldInvalid(path.child("generation"), generation, "must be greater than or equal to zero")]
      : []),
  ];
}

/** Which nodes the devices are for is said in exactly one way. */
function validateNodes(slice: ResourceSliceSpec): readonly FieldError[] {
  const { nodeName, nodeSelector } = slice;
  const errors: FieldError[] = [];
  const set: string[] = [];
  if (nodeName === "") {
    const detail = "must be either unset or set to a non-empty string";
    errors.push(fieldInvalid(spec.child("nodeName"), nodeName, detail));
  } else if (nodeName !== undefined) {
    set.push("`nodeName`");
    errors.push(...syntax(spec.child("nodeName"), nodeName, validateDns1123Subdomain(nodeName)));
  }
  if (nodeSelector) {
    set.push("`nodeSelector`");
    const at = spec.child("nodeSelector");
    const terms = nodeSelector.nodeSelectorTerms ?? [];
    errors.push(...validateNodeSelector(nodeSelector, at));
    if (terms.length !== 1) {
      const shown = terms.map((term) => internalForm(term, "core/v1.NodeSelectorTerm"));
      errors.push(fieldInvalid(at.child("nodeSelectorTerms"), shown, "must have exactly one node selector term"));
    }
  }
  for (const name of ["allNodes", "perDeviceNodeSelection"] as const) {
    if (slice[name] === true) set.push(`\`${name}\``);
    else if (slice[name] === false)
      errors.push(fieldInvalid(spec.child(name), false, "must be either unset or set to true"));
  }
  const one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
  if (set.length === 0) errors.push(fieldRequired(spec, one));
  if (set.length > 1) errors.push(fieldInvalid(spec, `{${set.join(", ")}}`, `${one}, but multiple fields are set`));
  return errors;
}

function validateDevice(device: Device, path: FieldPath, old: Device | undefined): readonly FieldError[] {
  const { name, attributes = {}, capacity = {}, taints } = device;
  const parts = Object.keys(attributes).length + Object.keys(capacity).length;
  return [
    ...syntax(path.child("name"), name, validateDns1123Label(name)),
    ...(parts > partsMax
      ? [fieldInvalid(path, parts, `the total number of attributes and capacities must not exceed ${partsMax}`)]
      : []),
    ...Object.entries(attributes).flatMap(([key, attribute]) => [
      ...validateAttributeName(key, path.child("attributes")),
      ...validateAttribute(attribute, path.child("attributes").key(key)),
    ]),
    ...Object.keys(capacity).flatMap((key) => validateAttributeName(key, path.child("capacity"))),
    ...(old && deepEqual(old.taints, taints)
      ? []
      : validateList(taints, path.child("taints"), taintsMax, validateTaint)),
  ];
}

const semver =
  /^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;

function validateAttribute(attribute: DeviceAttribute, path: FieldPath): readonly FieldError[] {
  const { string, version, strings = [], versions = [] } = attribute;
  const detail = "exactly one value must be specified";
  const count = Object.values(attribute).filter((value) => value !== undefined).length;
  const shown = (): unknown => (count === 0 ? "" : internalAttribute(attribute));
  return [
    ...(string === undefined ? [] : validateValue(string, path.child("string"))),
    ...(version === undefined ? [] : validateVersion(version, path.child("version"))),
    ...strings.flatMap((each, i) => validateValue(each, path.child("strings").index(i))),
    ...versions.flatMap((each, i) => validateVersion(each, path.child("versions").index(i))),
    ...(count === 1 ? [] : [fieldInvalid(path, shown(), detail)]),
  ];
}

/** As messages show it: inside, the members are named after what they are. */
function internalAttribute(attribute: DeviceAttribute): unknown {
  const { int, bool, string, version, ints, bools, strings, versions } = attribute;
  return {
    IntValue: int ?? null,
    BoolValue: bool ?? null,
    StringValue: string ?? null,
    VersionValue: version ?? null,
    IntValues: ints ?? null,
    BoolValues: bools ?? null,
    StringValues: strings ?? null,
    VersionValues: versions ?? null,
  };
}

function validateValue(value: string, path: FieldPath): readonly FieldError[] {
  return utf8Length(value) > valueBytesMax ? [fieldTooLong(path, valueBytesMax)] : [];
}

function validateVersion(value: string, path: FieldPath): readonly FieldError[] {
  const detail = "must be a string compatible with semver.org spec 2.0.0";
  return [...(semver.test(value) ? [] : [fieldInvalid(path, value, detail)]), ...validateValue(value, path)];
}

const deviceClassStrategy: Strategy<DeviceClass> = {
  generation: "spec",
  validate: (object) => validateDeviceClass(object),
  validateUpdate: (object) => validateDeviceClass(object),
};

const resourceClaimStrategy: Strategy<ResourceClaim> = {
  generation: "none",
  validate: (claim) => validateClaim(claim.spec.devices, spec.child("devices")),
  validateUpdate: (claim, old) => validateUnchanged(claim.spec, old.spec),
  tableCells: resourceClaimCells,
};

const resourceClaimTemplateStrategy: Strategy<ResourceClaimTemplate> = {
  validate: ({ spec: template }) => [
    ...validateTemplateMetadata(template.metadata, spec.child("metadata")),
    ...validateClaim(template.spec.devices, spec.child("spec", "devices")),
  ],
  validateUpdate: (template, old) => {
    const shown = internalForm(template.spec, "resource/v1.ResourceClaimTemplateSpec");
    return semanticEqual(template.spec, old.spec) ? [] : [fieldInvalid(spec, shown, immutableFieldMessage)];
  },
};

function driverWarnings({ spec: { driver } }: ResourceSlice): readonly string[] {
  if (driver === driver.toLowerCase()) return [];
  return [`spec.driver: driver names should be lowercase; ${goQuote(driver)} contains uppercase characters`];
}

const resourceSliceStrategy: Strategy<ResourceSlice> = {
  generation: "spec",
  validate: (slice) => validateSlice(slice),
  validateUpdate: (slice, old) => validateSlice(slice, old),
  warningsOnCreate: driverWarnings,
  warningsOnUpdate: driverWarnings,
  tableCells: resourceSliceCells,
  selectableFields: (slice: ResourceSlice) => ({
    "spec.nodeName": slice.spec.nodeName ?? "",
    "spec.driver": slice.spec.driver,
  }),
};

/** By `group/resource`. */
export const resourceStrategies = {
  "resource.k8s.io/deviceclasses": deviceClassStrategy,
  "resource.k8s.io/resourceclaims": resourceClaimStrategy,
  "resource.k8s.io/resourceclaimtemplates": resourceClaimTemplateStrategy,
  "resource.k8s.io/resourceslices": resourceSliceStrategy,
} as const;
