import type { CustomResourceSubresourceScale } from "../../api/apiextensions/v1/types.gen.ts";
import { goValue } from "../../apimachinery/go-format.ts";
import { isJsonObject, ownMember, setMember } from "../../apimachinery/object.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import { type FieldError, fieldInvalid } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { ScaleView } from "../../apiserver/registry/generic/resource-registration.ts";

const int32Max = 2 ** 31 - 1;

/** `.spec.replicas` → its members from the root of the object. */
function pathMembers(path: string): readonly string[] {
  return path.replace(/^\./, "").split(".");
}

/** Scale over the fields a definition names. */
export function customScaleView(scale: CustomResourceSubresourceScale): ScaleView {
  const specPath = pathMembers(scale.specReplicasPath);
  const statusPath = pathMembers(scale.statusReplicasPath);
  const selectorPath = scale.labelSelectorPath === undefined ? undefined : pathMembers(scale.labelSelectorPath);
  return {
    replicasPath: specPath,
    customPath: scale.specReplicasPath,
    read: (object) => {
      const replicas = valueAt(object, specPath);
      const selector = selectorPath && valueAt(object, selectorPath);
      return {
        replicas: replicas === undefined ? undefined : Number(replicas),
        statusReplicas: Number(valueAt(object, statusPath) ?? 0),
        selector: typeof selector === "string" ? selector : "",
      };
    },
    write: (object, replicas) => {
      let at = object as unknown as Record<string, unknown>;
      for (const name of specPath.slice(0, -1)) {
        const next = ownMember(at, name);
        const inner = isJsonObject(next) ? next : {};
        if (inner !== next) setMember(at, name, inner);
        at = inner;
      }
      setMember(at, specPath.at(-1) ?? "", replicas);
    },
  };
}

function valueAt(object: KubeObject, path: readonly string[]): unknown {
  let at: unknown = object;
  for (const name of path) {
    if (!isJsonObject(at)) return undefined;
    at = ownMember(at, name);
  }
  return at;
}

/** What is wrong with the numbers and the selector a scale would be made of. */
export function validateScaleFields(object: KubeObject, scale: CustomResourceSubresourceScale): FieldError[] {
  return [...validateReplicas(object, scale.specReplicasPath), ...validateScaleStatus(object, scale)];
}

/** As far as they are part of the status. */
export function validateScaleStatus(object: KubeObject, scale: CustomResourceSubresourceScale): FieldError[] {
  const { statusReplicasPath, labelSelectorPath } = scale;
  return [
    ...validateReplicas(object, statusReplicasPath),
    ...(labelSelectorPath === undefined ? [] : validateSelectorText(object, labelSelectorPath)),
  ];
}

function validateReplicas(object: KubeObject, path: string): FieldError[] {
  const at = FieldPath.of(path);
  const { value, error } = memberOf(object, path, "int64");
  if (error !== undefined) return [fieldInvalid(at, 0, error)];
  if (value === undefined) return [];
  const replicas = Number(value);
  if (replicas < 0) return [fieldInvalid(at, value, "should be a non-negative integer")];
  if (replicas > int32Max) return [fieldInvalid(at, value, `should be less than or equal to ${int32Max}`)];
  return [];
}

function validateSelectorText(object: KubeObject, path: string): FieldError[] {
  const { error } = memberOf(object, path, "string");
  return error === undefined ? [] : [fieldInvalid(FieldPath.of(path), "", error)];
}

/** The value at a path, when there is one, or why it is none of the type, in upstream's words. */
function memberOf(
  object: KubeObject,
  path: string,
  type: "int64" | "string",
): { readonly value?: unknown; readonly error?: string } {
  const members = pathMembers(path);
  const refusal = (value: unknown, depth: number, expected: string): string =>
    `.${members.slice(0, depth).join(".")} accessor error: ${goValue(value)} is of the type ${goTypeOf(value)}, expected ${expected}`;
  let at: unknown = object;
  for (const [depth, name] of members.entries()) {
    if (at === null) return {};
    // Upstream names the path up to the member it was after.
    if (!isJsonObject(at)) return { error: refusal(at, depth + 1, "map[string]interface{}") };
    at = ownMember(at, name);
    if (at === undefined) return {};
  }
  return goTypeOf(at) === type ? { value: at } : { error: refusal(at, members.length, type) };
}

function goTypeOf(value: unknown): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  if (typeof value === "number") return Number.isSafeInteger(value) ? "int64" : "float64";
  if (typeof value === "bigint") return "int64";
  if (typeof value === "boolean") return "bool";
  return typeof value === "string" ? "string" : "map[string]interface {}";
}
