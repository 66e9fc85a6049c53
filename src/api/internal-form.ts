import type { ResolvedType, StructType } from "../apimachinery/schema/type-registry.ts";
import { TypeRegistry } from "../apimachinery/schema/type-registry.ts";
import { isJsonObject } from "../apimachinery/object.ts";
import { assert } from "../component-base/assert.ts";
import { apiVersions, typeOnlyVersions } from "./groups.ts";

type Members = Readonly<Record<string, unknown>>;

/**
 * A part of an object as messages of the API show it: upstream validates types of its own, whose members are written with
 * Go's names and never left out. `type` is a struct of the schema, `folder.Name`. Types of `meta/v1` are the same inside and
 * outside, and so keep their form. For the errors of a refused object only: nothing of it is kept.
 */
export function internalForm(value: unknown, type: string): unknown {
  const [folder = "", name = ""] = type.split(".");
  const struct = new TypeRegistry([...apiVersions, ...typeOnlyVersions]).struct(folder, name);
  assert(struct !== undefined, `no struct ${type}`);
  return value === undefined || value === null ? null : structForm(value, struct);
}

/** Where types stand otherwise inside: their members in that order, without those that went elsewhere. */
const membersInside: Readonly<Record<string, readonly string[]>> = {
  "core/v1.PodSpec":
    "volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds dnsPolicy nodeSelector serviceAccountName automountServiceAccountToken nodeName securityContext imagePullSecrets hostname subdomain setHostnameAsFQDN affinity schedulerName tolerations hostAliases priorityClassName priority preemptionPolicy dnsConfig readinessGates runtimeClassName overhead enableServiceLinks topologySpreadConstraints os schedulingGates resourceClaims resources hostnameOverride schedulingGroup".split(
      " ",
    ),
  "apiextensions/v1.JSONSchemaProps":
    "id $schema $ref description type nullable format title default maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems uniqueItems multipleOf enum maxProperties minProperties required items allOf oneOf anyOf not properties additionalProperties patternProperties dependencies additionalItems definitions externalDocs example x-kubernetes-preserve-unknown-fields x-kubernetes-embedded-resource x-kubernetes-int-or-string x-kubernetes-list-map-keys x-kubernetes-list-type x-kubernetes-map-type x-kubernetes-validations".split(
      " ",
    ),
  "core/v1.PodSecurityContext":
    "seLinuxOptions windowsOptions runAsUser runAsGroup runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup fsGroupChangePolicy sysctls seccompProfile appArmorProfile seLinuxChangePolicy".split(
      " ",
    ),
};

/** Members of a pod's spec that stand in its security context inside. */
const inSecurityContext = ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"];

function structForm(value: unknown, struct: StructType): Members {
  const members = (value ?? {}) as Members;
  const { folder } = struct.version;
  if (folder === "meta/v1") return metaForm(members, struct);
  const type = `${folder}.${struct.name}`;
  const order = membersInside[type] ?? struct.fields.map(({ name }) => name);
  const shown = Object.fromEntries(order.flatMap((name) => entriesOf(name, members, struct)));
  if (type !== "core/v1.PodSpec") return shown;
  const context = struct.field("securityContext")?.type;
  assert(context?.kind === "struct", "a security context");
  const shared = Object.fromEntries(inSecurityContext.flatMap((name) => entriesOf(name, members, struct)));
  return { ...shown, SecurityContext: { ...shared, ...structForm(members["securityContext"], context.struct) } };
}

function entriesOf(name: string, members: Members, struct: StructType): readonly (readonly [string, unknown])[] {
  const field = struct.field(name);
  if (!field) return [];
  const { type, pointer } = field;
  const member = members[name];
  // Metadata is embedded: its members stand beside the others.
  if (type.kind === "struct" && type.struct.name === "ObjectMeta")
    return Object.entries(metaForm((member ?? {}) as Members, type.struct));
  return [[goName(name), member === undefined || member === null ? zero(type, pointer) : form(member, type)]];
}

/** What is the same inside and outside. */
function metaForm(members: Members, struct: StructType): Members {
  return Object.fromEntries(
    struct.fields.flatMap(({ name, type }) => (members[name] === undefined ? [] : [[name, form(members[name], type)]])),
  );
}

function form(value: unknown, type: ResolvedType): unknown {
  if (type.kind === "struct") return structForm(value, type.struct);
  if (type.kind === "list" && Array.isArray(value)) return value.map((item) => form(item, type.items));
  if (type.kind !== "map" || !isJsonObject(value)) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, member]) => [name, form(member, type.values)]));
}

function zero(type: ResolvedType, isPointer: boolean): unknown {
  if (isPointer) return null;
  switch (type.kind) {
    case "list":
    case "map":
      return null;
    case "enum":
      return "";
    case "struct":
      return structForm({}, type.struct);
    case "scalar":
      return scalarZeros[type.scalar] ?? null;
  }
}

const scalarZeros: Readonly<Record<string, unknown>> = {
  string: "",
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  IntOrString: 0,
  Quantity: "0",
};

const initialisms =
  /^(?:api|aws|cidr|csi|dns|fc|fs|gce|grpc|http|id|ip|iscsi|json|nfs|os|rbd|se(?=Linux)|tcp|tls|tty|ttl|uid|url)(?=[A-Z]|s?$)/;

/** `apiGroup` is `APIGroup`, `uid` is `UID`, extensions start with `X`, all others just start with a capital. */
function goName(name: string): string {
  if (name.startsWith("x-kubernetes-")) {
    const words = name.split("-").filter((word) => word !== "kubernetes");
    return words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
  }
  const upper = name.replace(/^\$/, "").replace(initialisms, (word) => word.toUpperCase());
  return upper.charAt(0).toUpperCase() + upper.slice(1);
}
