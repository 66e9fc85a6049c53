import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldNotSupported, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { PodSpec, SecurityContext } from "../../api/core/v1/types.gen.ts";

const names = ["linux", "windows"];

/** A pod that names its system has nothing that only the other one knows. */
export function validateOs(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  if (!spec.os) return [];
  const { name } = spec.os;
  if (!name) return [fieldRequired(path.child("os", "name"))];
  if (!names.includes(name)) return [fieldNotSupported(path.child("os"), name, names)];
  return name === "linux" ? validateLinux(spec, path) : validateWindows(spec, path);
}

function securityContexts(
  spec: PodSpec,
  path: FieldPath,
): readonly { readonly context: SecurityContext; readonly at: FieldPath }[] {
  return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((field) =>
    (spec[field] ?? []).flatMap(({ securityContext: context }, i) =>
      context ? [{ context, at: path.child(field).index(i).child("securityContext") }] : [],
    ),
  );
}

function validateLinux(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  const why = "windows options cannot be set for a linux pod";
  const own = path.child("securityContext", "windowsOptions");
  return [
    ...(spec.securityContext?.windowsOptions ? [fieldForbidden(own, why)] : []),
    ...securityContexts(spec, path)
      .filter(({ context }) => context.windowsOptions)
      .map(({ at }) => fieldForbidden(at.child("windowsOptions"), why)),
  ];
}

const linuxOfPods = [
  "appArmorProfile",
  "seLinuxOptions",
  "hostUsers",
  "hostPID",
  "hostIPC",
  "seccompProfile",
  "fsGroup",
  "fsGroupChangePolicy",
  "sysctls",
  "shareProcessNamespace",
  "runAsUser",
  "runAsGroup",
  "supplementalGroups",
  "supplementalGroupsPolicy",
  "seLinuxChangePolicy",
] as const;

const linuxOfContainers = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "capabilities",
  "readOnlyRootFilesystem",
  "privileged",
  "allowPrivilegeEscalation",
  "procMount",
  "runAsUser",
  "runAsGroup",
] as const;

function validateWindows(spec: PodSpec, path: FieldPath): readonly FieldError[] {
  const why = "cannot be set for a windows pod";
  const { hostUsers, hostPID, hostIPC, shareProcessNamespace, securityContext } = spec;
  const ofPod: Readonly<Record<string, unknown>> = {
    hostUsers,
    // What is false is as good as not set.
    hostPID: hostPID || undefined,
    hostIPC: hostIPC || undefined,
    shareProcessNamespace,
  };
  const ofContext: Readonly<Record<string, unknown>> = { ...securityContext };
  const pod = linuxOfPods
    .filter((field) => ofPod[field] !== undefined || ofContext[field] !== undefined)
    .map((field) => fieldForbidden(field in ofPod ? path.child(field) : path.child("securityContext", field), why));
  const containers = securityContexts(spec, path).flatMap(({ context, at }) =>
    linuxOfContainers
      .filter((field) => context[field] !== undefined)
      .map((field) => fieldForbidden(at.child(field), why)),
  );
  return [...pod, ...containers];
}
