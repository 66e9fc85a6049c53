import { buildScheme } from "../apimachinery/scheme/build-scheme.ts";
import type { Scheme } from "../apimachinery/scheme/scheme.ts";
import { apiVersions, typeOnlyVersions } from "./groups.ts";

/** A scheme of all built-in kinds. Cheap: what a kind needs is made when it is first used, so keep the scheme. */
export function builtinScheme(): Scheme {
  return buildScheme(apiVersions, typeOnlyVersions);
}
