import type { Steps } from "../../../component-base/steps.ts";
import { badRequest, invalid, requestEntityTooLarge, unsupportedMediaType } from "../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import { goJson, goQuote, goValue } from "../../../apimachinery/go-format.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import type { ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import { applyJsonPatch } from "../../../apimachinery/patch/json-patch.ts";
import { applyMergePatch } from "../../../apimachinery/patch/merge-patch.ts";
import { applyStrategicMergePatch } from "../../../apimachinery/patch/strategic-merge.ts";
import { PatchError } from "../../../apimachinery/patch/patch-error.ts";
import type { YamlReader } from "../../../apimachinery/yaml/parse.ts";
import { fieldInvalid } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { causeOfRefusal } from "../request-body.ts";
import { SyntaxFailure, parseText, parseTextAside, readText } from "../serializer.ts";
import type { ParsedText } from "../serializer.ts";

export type PatchMediaType = "json" | "merge" | "strategic" | "apply";

/** A patch that says what to change, whoever sends it; an apply says what somebody wants. */
export type DocumentPatch = Exclude<PatchMediaType, "apply">;

const mediaTypes: Readonly<Record<string, PatchMediaType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

/** How an object of `kind`, or a subresource of it, is to be patched. Throws UnsupportedMediaType (415). */
export function patchTypeOf(contentType: string, kind: ObjectKind): PatchMediaType {
  const type = Object.hasOwn(mediaTypes, contentType) ? mediaTypes[contentType] : undefined;
  if (type && !(type === "strategic" && kind.custom)) return type;
  if (kind.custom) {
    throw unsupportedMediaType(Object.keys(mediaTypes).filter((mediaType) => mediaTypes[mediaType] !== "strategic"));
  }
  // Upstream's router knows the types the built-in kinds are patched with, and says no more.
  throw new StatusError({
    code: 415,
    reason: "UnsupportedMediaType",
    message: "415: Unsupported Media Type",
    details: {},
  });
}

/** Parses the configuration of an apply. Throws BadRequest with upstream's text. */
export async function parseConfiguration(text: string, yaml: YamlReader | undefined): Promise<ParsedText> {
  try {
    return await parseTextAside(text, "application/yaml", yaml);
  } catch (error) {
    if (error instanceof SyntaxFailure)
      throw badRequest(
        `error decoding YAML: error converting YAML to JSON: ${error.message.replace(/^error converting YAML to JSON: /, "")}`,
      );
    throw error;
  }
}

/** The object with the patch applied, not yet type-checked. Throws with upstream's codes and texts. */
export function* applyPatch(
  type: DocumentPatch,
  patch: string,
  object: KubeObject,
  kind: ObjectKind,
): Steps<ParsedText> {
  try {
    const parsed = yield* readText(patch, "application/json");
    checkShape(type, parsed.value);
    yield;
    const { duplicates } = parsed;
    const told = type === "json" ? { duplicates: jsonPatchFields(parsed), areDuplicatesFirst: true } : { duplicates };
    return { ...parsed, ...told, value: patched(type, parsed.value, object, kind), isSorted: true };
  } catch (error) {
    if (error instanceof SyntaxFailure) throw malformed(type, error.message);
    if (error instanceof PatchError) throw asStatus(error, type);
    throw error;
  }
}

/** Where a patch is not even of its own form, upstream says which Go type it was to be read into. */
function checkShape(type: DocumentPatch, patch: unknown): void {
  const isList = Array.isArray(patch);
  if (patch === null || (type === "json" ? isList : typeof patch === "object" && !isList)) return;
  const into = type === "json" ? "[]handlers.jsonPatchOp" : "map[string]interface {}";
  const actual = isList ? "array" : typeof patch === "boolean" ? "bool" : typeof patch;
  throw malformed(type, `json: cannot unmarshal ${actual} into Go value of type ${into}`);
}

function malformed(type: DocumentPatch, why: string): StatusError {
  return badRequest(type === "strategic" ? why : `error decoding patch: ${why}`);
}

/**
 * What a patched object that is none of its kind is refused with: not the object but the patch is called invalid. `refusal`
 * is what decoding it threw; anything but a BadRequest is returned as it is.
 */
export function patchRefusal(
  refusal: unknown,
  {
    type,
    patch,
    patchedValue,
  }: { readonly type: DocumentPatch; readonly patch: string; readonly patchedValue: unknown },
): unknown {
  if (!(refusal instanceof StatusError) || refusal.code !== 400) return refusal;
  const why = causeOfRefusal(refusal);
  // A strategic merge patch is applied to Go values, the others to JSON, which shows in the texts.
  const error =
    type === "strategic"
      ? fieldInvalid(FieldPath.of("patch"), goValue(parseText(patch, "application/json").value), conversionText(why))
      : fieldInvalid(FieldPath.of("patch"), goJson(patchedValue), why);
  return invalid({ group: "", kind: "" }, "", [error]);
}

const goKinds: Readonly<Record<string, string>> = { object: "map", array: "slice", number: "int64" };

/** The text of encoding/json for a value of the wrong type, as the converter between maps and Go structs puts it. */
function conversionText(why: string): string {
  const [, from, to] =
    /^json: cannot unmarshal (\w+) into Go (?:struct field \S+|value) of type (\S+)$/.exec(why) ?? [];
  if (from === undefined || to === undefined) return why;
  const kind = goKinds[from] ?? from;
  if (to.startsWith("[]")) return `cannot restore slice from ${kind}`;
  if (to.startsWith("map[")) return `cannot restore map from ${kind}`;
  if (to.includes(".")) return `cannot restore struct from: ${kind}`;
  return to === "string" && from === "number" ? "cannot convert int64 to string" : `unrecognized type: ${to}`;
}

function patched(type: DocumentPatch, patch: unknown, object: KubeObject, kind: ObjectKind): unknown {
  switch (type) {
    case "json":
      return applyJsonPatch(object, patch);
    case "merge":
      return applyMergePatch(object, patch);
    case "strategic":
      return applyStrategicMergePatch({ ...object }, patch, kind.patchSchema);
  }
}

/** What to say of members of the operations that occur again or mean nothing. */
function jsonPatchFields({ value, duplicates }: ParsedText): readonly string[] {
  const unknown = ((value ?? []) as readonly object[]).flatMap((operation, i) =>
    Object.keys(operation)
      .filter((name) => !jsonPatchMembers.has(name))
      .map((name) => `unknown field ${goQuote(`[${i}].${name}`)}`),
  );
  return [...unknown, ...duplicates].map((text) => `json patch ${text}`);
}

const jsonPatchMembers: ReadonlySet<string> = new Set(["op", "path", "from", "value"]);

function asStatus(error: PatchError, type: DocumentPatch): StatusError {
  switch (error.code) {
    case 400:
      return badRequest(error.message);
    case 413:
      return requestEntityTooLarge(error.message);
    case 422:
      // Upstream passes what strategic merge patches fail with on as it is.
      if (type === "strategic") return new StatusError({ code: 500, reason: "", message: error.message });
      // It answers another patch that does not fit with a bare Invalid.
      return new StatusError({
        code: 422,
        reason: "Invalid",
        message: "the server rejected our request due to an error in our request",
        details: {},
      });
  }
}
