import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { utf8Length, validateId } from "../../apimachinery/validation/names.ts";
import type { AppArmorProfile, SeccompProfile, SecurityContext } from "../../api/core/v1/types.gen.ts";
import { oneOf, syntax } from "./common.ts";
import { validateLocalPath } from "./local-path.ts";

export function validateSecurityContext(
  context: SecurityContext | undefined,
  path: FieldPath,
  hasHostUsers: boolean,
): readonly FieldError[] {
  if (!context) return [];
  const errors: FieldError[] = [];
  for (const field of ["runAsUser", "runAsGroup"] as const) {
    const id = context[field];
    if (id !== undefined) errors.push(...syntax(path.child(field), id, validateId(id)));
  }
  errors.push(
    ...oneOf(path.child("procMount"), context.procMount, ["Default", "Unmasked"], true),
    ...(hasHostUsers && context.procMount === "Unmasked"
      ? [fieldInvalid(path.child("procMount"), context.procMount, "`hostUsers` must be false to use `Unmasked`")]
      : []),
    ...validateSeccompProfile(context.seccompProfile, path.child("seccompProfile")),
    ...validateAppArmorProfile(context.appArmorProfile, path.child("appArmorProfile")),
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

const appArmorProfileBytesMax = 4095;
const appArmorTypes = ["Localhost", "RuntimeDefault", "Unconfined"];

export function validateAppArmorProfile(profile: AppArmorProfile | undefined, path: FieldPath): readonly FieldError[] {
  if (!profile) return [];
  const { type, localhostProfile: name } = profile;
  if (!type) return [fieldRequired(path.child("type"), "type is required when appArmorProfile is set")];
  if (!appArmorTypes.includes(type)) return [fieldNotSupported(path.child("type"), type, appArmorTypes)];
  const at = path.child("localhostProfile");
  if (type !== "Localhost") {
    return name === undefined ? [] : [fieldInvalid(at, name, "can only be set when AppArmor type is Localhost")];
  }
  if (!name) return [fieldRequired(at, "must be set when AppArmor type is Localhost")];
  return [
    ...(name === name.trim() ? [] : [fieldInvalid(at, name, "must not be padded with whitespace")]),
    ...(utf8Length(name) > appArmorProfileBytesMax ? [fieldTooLong(at, appArmorProfileBytesMax)] : []),
  ];
}
