import { badRequest, requestEntityTooLarge, unsupportedMediaType } from "../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import type { ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import { applyJsonPatch } from "../../../apimachinery/patch/json-patch.ts";
import { applyMergePatch } from "../../../apimachinery/patch/merge-patch.ts";
import { applyStrategicMergePatch } from "../../../apimachinery/patch/strategic-merge.ts";
import { PatchError } from "../../../apimachinery/patch/patch-error.ts";
import { SyntaxFailure, parseText } from "../serializer.ts";
import type { ParsedText } from "../serializer.ts";

export type PatchMediaType = "json" | "merge" | "strategic";

const mediaTypes: Readonly<Record<string, PatchMediaType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
};

const applyMediaTypes: readonly string[] = ["application/apply-patch+yaml", "application/apply-patch+cbor"];

/** Throws UnsupportedMediaType (415). */
export function patchTypeOf(contentType: string, kind: ObjectKind): PatchMediaType {
  const type = Object.hasOwn(mediaTypes, contentType) ? mediaTypes[contentType] : undefined;
  if (type && !(type === "strategic" && kind.custom)) return type;
  if (applyMediaTypes.includes(contentType))
    // Differs from upstream: field management does not exist yet, and an apply without it would overwrite others' fields.
    throw new StatusError({
      code: 415,
      reason: "UnsupportedMediaType",
      message:
        "server-side apply is not supported by this server yet; use client-side apply (kubectl apply without --server-side)",
    });
  const isOffered = (mediaType: string): boolean => !(kind.custom && mediaTypes[mediaType] === "strategic");
  throw unsupportedMediaType(Object.keys(mediaTypes).filter(isOffered));
}

/** The object with the patch applied, not yet type-checked. Throws with upstream's codes and texts. */
export function applyPatch(type: PatchMediaType, patch: string, object: KubeObject, kind: ObjectKind): ParsedText {
  try {
    const parsed = parseText(patch, "application/json");
    return { ...parsed, value: patched(type, parsed.value, object, kind) };
  } catch (error) {
    if (error instanceof SyntaxFailure) throw badRequest(`error decoding patch: ${error.message}`);
    if (error instanceof PatchError) throw asStatus(error);
    throw error;
  }
}

function patched(type: PatchMediaType, patch: unknown, object: KubeObject, kind: ObjectKind): unknown {
  switch (type) {
    case "json":
      return applyJsonPatch(object, patch);
    case "merge":
      return applyMergePatch(object, patch);
    case "strategic":
      return applyStrategicMergePatch({ ...object }, patch, kind.patchSchema);
  }
}

function asStatus(error: PatchError): StatusError {
  switch (error.code) {
    case 400:
      return badRequest(error.message);
    case 413:
      return requestEntityTooLarge(error.message);
    case 422:
      // Upstream answers a patch that does not fit with a bare Invalid.
      return new StatusError({
        code: 422,
        reason: "Invalid",
        message: `the server rejected our request due to an error in our request: ${error.message}`,
        details: {},
      });
  }
}
