import { badRequest, unsupportedMediaType } from "../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import type { ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import { deepCopy } from "../../registry/generic/json-value.ts";
import type { ParsedBody } from "../serializer.ts";
import { parseJson } from "../serializer.ts";

export type PatchMediaType = "json" | "merge" | "strategic";

const mediaTypes: Readonly<Record<string, PatchMediaType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
};

const applyMediaTypes: readonly string[] = ["application/apply-patch+yaml", "application/apply-patch+cbor"];

/** Throws UnsupportedMediaType (415). */
export function patchTypeOf(contentType: string): PatchMediaType {
  const type = Object.hasOwn(mediaTypes, contentType) ? mediaTypes[contentType] : undefined;
  if (type) return type;
  if (applyMediaTypes.includes(contentType))
    // Differs from upstream: field management does not exist yet, and an apply without it would overwrite others' fields.
    throw new StatusError({
      code: 415,
      reason: "UnsupportedMediaType",
      message:
        "server-side apply is not supported by this server yet; use client-side apply (kubectl apply without --server-side)",
    });
  throw unsupportedMediaType(Object.keys(mediaTypes));
}

/** STANDIN until apimachinery/patch lands. */
export function applyPatch(type: PatchMediaType, patch: string, object: KubeObject, kind: ObjectKind): ParsedBody {
  const { value, duplicateFields } = parseJson(patch);
  if (type === "json") throw badRequest(`json patch of ${kind.kind} is not there yet`);
  return { value: merge(deepCopy(object), value), duplicateFields };
}

function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const out: Record<string, unknown> = typeof target === "object" && target !== null ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = merge(out[key], value);
  }
  return out;
}
