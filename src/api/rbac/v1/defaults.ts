/** Defaults of rbac.authorization.k8s.io/v1 that are no single value. */
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { Subject } from "./types.gen.ts";

/** Users and groups are of this API group; service accounts of the legacy one, written as nothing. */
export function subjectApiGroup(subject: Mutable<Subject>): void {
  if (subject.kind === "User" || subject.kind === "Group") subject.apiGroup ??= "rbac.authorization.k8s.io";
}
