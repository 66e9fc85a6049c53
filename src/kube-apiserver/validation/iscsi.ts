import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { ISCSIPersistentVolumeSource, ISCSIVolumeSource } from "../../api/core/v1/types.gen.ts";
import { validateLun } from "./volume-sources.ts";

const iscsiNames: Readonly<Record<string, RegExp>> = {
  iqn: /^iqn\.\d{4}-\d{2}\.([a-z0-9-.]+)(:([^,;*&$|\s]+))$/i,
  eui: /^eui\.[0-9a-f]{16}$/i,
  naa: /^naa\.[0-9a-f]{32}$/i,
};

/** `unknownName` is what is said of a name of no known form. */
export function validateIscsi(
  iscsi: ISCSIVolumeSource | ISCSIPersistentVolumeSource,
  path: FieldPath,
  unknownName: string,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const checkName = (name: string, at: FieldPath): void => {
    const pattern = iscsiNames[name.slice(0, 3)];
    if (!pattern) errors.push(fieldInvalid(at, name, unknownName));
    else if (!pattern.test(name)) errors.push(fieldInvalid(at, name, "must be valid format"));
  };
  if (iscsi.iqn) checkName(iscsi.iqn, path.child("iqn"));
  else errors.push(fieldRequired(path.child("iqn")));
  errors.push(...validateLun(iscsi.lun, path.child("lun")));
  if ((iscsi.chapAuthDiscovery || iscsi.chapAuthSession) && !iscsi.secretRef) {
    errors.push(fieldRequired(path.child("secretRef")));
  }
  if (iscsi.initiatorName !== undefined) checkName(iscsi.initiatorName, path.child("initiatorname"));
  return errors;
}
