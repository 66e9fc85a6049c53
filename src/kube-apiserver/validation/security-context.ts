import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateId } from "../../apimachinery/validation/names.ts";
import type { SeccompProfile, SecurityContext } from "../../api/core/v1/types.gen.ts";
import { oneOf, syntax } from "./common.ts";
import { validateLocalPath } from "./volumes.ts";

export function validateSecurityContext(context: SecurityContext | undefined, path: FieldPath): readonly FieldError[] {
  if (!context) return [];
  const errors: FieldError[] = [];
  for (const field of ["runAsUser", "runAsGroup"] as const) {
    const id = context[field];
    if (id !== undefined) errors.push(...syntax(path.child(field), id, validateId(id)));
  }
  errors.push(
    ...oneOf(path.child("procMount"), context.procMount, ["Default", "Unmasked"], true),
    ...validateSeccompProfile(context.seccompProfile, path.child("seccompProfile")),
  );
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged) {
      errors.push(
        fieldInvalid(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"),
      );
    }
    if (context.capabilities?.add?.includes("CAP_SYS_ADMIN")) {
      errors.push(
        fieldInvalid(
          path,
          context,
          "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN",
        ),
      );
    }
  }
  return errors;
}

export function validateSeccompProfile(profile: SeccompProfile | undefined, path: FieldPath): readonly FieldError[] {
  if (!profile) return [];
  const errors: FieldError[] = profile.type
    ? [...oneOf(path.child("type"), profile.type, ["Localhost", "RuntimeDefault", "Unconfined"])]
    : [fieldRequired(path.child("type"), "type is required when seccompProfile is set")];
  const local = path.child("localhostProfile");
  if (profile.type === "Localhost") {
    if (!profile.localhostProfile) {
      errors.push(fieldRequired(local, "must be set when seccomp type is Localhost"));
    } else {
      errors.push(...validateLocalPath(profile.localhostProfile, local));
    }
  } else if (profile.localhostProfile) {
    // The value is shown as Go has it.
    const shown = { Type: profile.type ?? "", LocalhostProfile: profile.localhostProfile };
    errors.push(fieldInvalid(local, shown, "can only be set when seccomp type is Localhost"));
  }
  return errors;
}
