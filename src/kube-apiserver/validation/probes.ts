import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldForbidden, fieldInvalid, fieldRequired } from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateHttpHeaderName } from "../../apimachinery/validation/names.ts";
import type {
  ExecAction,
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  Probe,
  ProbeHandler,
} from "../../api/core/v1/types.gen.ts";
import { nonNegative, oneOf, portNumberOrName, syntax } from "./common.ts";

const probeNumbers = [
  "initialDelaySeconds",
  "timeoutSeconds",
  "periodSeconds",
  "successThreshold",
  "failureThreshold",
] as const;

export function validateProbe(
  probe: Probe | undefined,
  use: "liveness" | "readiness" | "startup",
  path: FieldPath,
): readonly FieldError[] {
  if (!probe) return [];
  const errors: FieldError[] = [...validateHandler(probe, path)];
  for (const field of probeNumbers) errors.push(...nonNegative(path.child(field), probe[field]));
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    errors.push(fieldInvalid(path.child("terminationGracePeriodSeconds"), grace, "must be greater than 0"));
  }
  if (use === "readiness") {
    if (grace !== undefined) {
      const why = "must not be set for readinessProbes";
      errors.push(fieldInvalid(path.child("terminationGracePeriodSeconds"), grace, why));
    }
  } else if (probe.successThreshold !== undefined && probe.successThreshold !== 1) {
    errors.push(fieldInvalid(path.child("successThreshold"), probe.successThreshold, "must be 1"));
  }
  return errors;
}

/** `graceSeconds`: what the container has to end. */
export function validateLifecycle(
  lifecycle: Lifecycle | undefined,
  graceSeconds: number | undefined,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ["postStart", "preStop"] as const) {
    const handler = lifecycle?.[field];
    if (handler) errors.push(...validateHandler(handler, path.child(field), graceSeconds));
  }
  return errors;
}

/** Exactly one way to act, and that one complete. */
function validateHandler(
  handler: ProbeHandler & LifecycleHandler,
  path: FieldPath,
  graceSeconds?: number,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  let count = 0;
  const check = (
    field: "exec" | "httpGet" | "tcpSocket" | "grpc" | "sleep",
    validate: () => readonly FieldError[],
  ): void => {
    if (!handler[field]) return;
    if (count > 0) errors.push(fieldForbidden(path.child(field), "may not specify more than 1 handler type"));
    else errors.push(...validate());
    count++;
  };
  check("exec", () => validateExec(handler.exec, path.child("exec")));
  check("httpGet", () => validateHttpGet(handler.httpGet, path.child("httpGet")));
  check("tcpSocket", () => portNumberOrName(path.child("tcpSocket", "port"), handler.tcpSocket?.port ?? 0));
  check("grpc", () => portNumberOrName(path.child("grpc", "port"), handler.grpc?.port ?? 0));
  check("sleep", () => validateSleep(handler.sleep?.seconds ?? 0, graceSeconds, path.child("sleep")));
  if (count === 0) errors.push(fieldRequired(path, "must specify a handler type"));
  return errors;
}

function validateSleep(seconds: number, graceSeconds: number | undefined, path: FieldPath): readonly FieldError[] {
  if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return [];
  const why = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
  return [fieldInvalid(path, seconds, why)];
}

function validateExec(exec: ExecAction | undefined, path: FieldPath): readonly FieldError[] {
  return (exec?.command?.length ?? 0) === 0 ? [fieldRequired(path.child("command"))] : [];
}

function validateHttpGet(get: HTTPGetAction | undefined, path: FieldPath): readonly FieldError[] {
  if (!get) return [];
  return [
    ...(get.path ? [] : [fieldRequired(path.child("path"))]),
    ...portNumberOrName(path.child("port"), get.port),
    ...oneOf(path.child("scheme"), get.scheme, ["HTTP", "HTTPS"]),
    ...(get.httpHeaders ?? []).flatMap((header) =>
      syntax(path.child("httpHeaders"), header.name, validateHttpHeaderName(header.name)),
    ),
  ];
}
