import type { Mutable } from "../../apimachinery/resource-type.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  type FieldError,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from "../../api/certificates/v1/types.gen.ts";
import type { RequestContext, Strategy, SubresourceStrategy } from "../../apiserver/registry/rest/strategy.ts";
import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { formatTime } from "../../component-helpers/time.ts";
import { certificateSigningRequestCells } from "../printers/others.ts";

type Request = CertificateSigningRequest;
type Condition = CertificateSigningRequestCondition;

const spec = FieldPath.of("spec");
const conditionsPath = FieldPath.of("status", "conditions");
const legacySigner = "kubernetes.io/legacy-unknown";
const durationMinSeconds = 600;
const verdicts = ["Approved", "Denied"] as const;
const trueOnly: ReadonlySet<string> = new Set([...verdicts, "Failed"]);

/** A request for a certificate says who asked for it; only the server may say so. */
export const certificateSigningRequestStrategy: Strategy<Request> = {
  generation: "none",
  prepareForCreate(object: Mutable<Request>, context: RequestContext): void {
    const { name, uid, groups, extra } = context.user;
    object.spec.username = name;
    object.spec.groups = [...groups];
    if (uid === undefined) delete object.spec.uid;
    else object.spec.uid = uid;
    if (extra) object.spec.extra = Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
    else delete object.spec.extra;
  },
  prepareForUpdate(object: Mutable<Request>, old: Mutable<Request>): void {
    object.spec = old.spec;
  },
  validate: validateSpec,
  selectableFields: (object: Request) => ({ "spec.signerName": object.spec.signerName }),
  tableCells: certificateSigningRequestCells,
};

/** certificatesigningrequests/approval: conditions, and nothing else. */
export const approvalStrategy: SubresourceStrategy<Request> = {
  prepareForUpdate(object: Mutable<Request>, old: Mutable<Request>, context: RequestContext): void {
    object.spec = old.spec;
    object.status = { ...old.status, conditions: withTimes(object, old, context) };
  },
  validateUpdate: (object: Request, old: Request) => [
    ...validateConditions(object, old),
    ...validateRemoval(object, old),
  ],
};

/** certificatesigningrequests/status: the certificate, once, and conditions other than the verdict. */
export const certificateStatusStrategy: SubresourceStrategy<Request> = {
  prepareForUpdate(object: Mutable<Request>, old: Mutable<Request>, context: RequestContext): void {
    object.spec = old.spec;
    object.status.conditions = withTimes(object, old, context);
  },
  validateUpdate: (object: Request, old: Request) => [
    ...validateConditions(object, old),
    ...validateRemoval(object, old),
    ...validateVerdicts(object, old),
    ...(old.status.certificate && old.status.certificate !== object.status.certificate
      ? [fieldForbidden(FieldPath.of("status", "certificate"), "updates may not modify existing certificate content")]
      : []),
  ],
};

/** Conditions that do not say since when: since now, or since they have been as they are. */
function withTimes(object: Request, old: Request, { nowMs }: RequestContext): Mutable<Condition>[] {
  const now = formatTime(nowMs);
  return (object.status.conditions ?? []).map((condition) => {
    const before = old.status.conditions?.find(
      ({ type, status }) => type === condition.type && status === condition.status,
    );
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime ?? now,
      lastTransitionTime: condition.lastTransitionTime ?? before?.lastTransitionTime ?? now,
    };
  });
}

function validateSpec({ spec: { request, usages, signerName, expirationSeconds } }: Request): readonly FieldError[] {
  const errors: FieldError[] = [];
  const isRequest = /^-----BEGIN CERTIFICATE REQUEST-----$/m.test(utf8Decode(base64Decode(request)));
  if (!isRequest)
    errors.push(fieldInvalid(spec.child("request"), request, "PEM block type must be CERTIFICATE REQUEST"));
  if ((usages?.length ?? 0) === 0) errors.push(fieldRequired(spec.child("usages")));
  for (const [index, usage] of (usages ?? []).entries())
    if (usages?.indexOf(usage) !== index) errors.push(fieldDuplicate(spec.child("usages").index(index), usage));
  if (!signerName) errors.push(fieldRequired(spec.child("signerName")));
  else if (signerName === legacySigner) {
    const why = "the legacy signerName is not allowed via this API version";
    errors.push(fieldInvalid(spec.child("signerName"), signerName, why));
  } else if (signerName.split("/").length !== 2) {
    const why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    errors.push(fieldInvalid(spec.child("signerName"), signerName, why));
  }
  if (expirationSeconds !== undefined && expirationSeconds < durationMinSeconds) {
    const why = "may not specify a duration less than 600 seconds (10 minutes)";
    errors.push(fieldInvalid(spec.child("expirationSeconds"), expirationSeconds, why));
  }
  return errors;
}

function validateConditions({ status: { conditions } }: Request, old: Request): readonly FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  const wasBoth = verdicts.every((type) => old.status.conditions?.some((condition) => condition.type === type));
  for (const [index, { type, status }] of (conditions ?? []).entries()) {
    const path = conditionsPath.index(index);
    if (!type) errors.push(fieldRequired(path.child("type")));
    const allowed = trueOnly.has(type) ? ["True"] : ["False", "True", "Unknown"];
    if (!status) errors.push(fieldRequired(path.child("status")));
    else if (!allowed.includes(status)) errors.push(fieldNotSupported(path.child("status"), status, allowed));
    const other = verdicts.find((verdict) => verdict !== type);
    const isVerdict = verdicts.some((verdict) => verdict === type);
    if (!wasBoth && isVerdict && other && seen.has(other))
      errors.push(fieldInvalid(conditionsPath, type, "Approved and Denied conditions are mutually exclusive"));
    if (seen.has(type)) errors.push(fieldDuplicate(path.child("type"), type));
    seen.add(type);
  }
  return errors;
}

/** What has been decided stays decided. */
function validateRemoval(object: Request, old: Request): readonly FieldError[] {
  return [...verdicts, "Failed"]
    .filter((type) => conditionsOf(object, type).length < conditionsOf(old, type).length)
    .map((type) =>
      fieldForbidden(conditionsPath, `updates may not remove a condition of type ${JSON.stringify(type)}`),
    );
}

function validateVerdicts(object: Request, old: Request): readonly FieldError[] {
  return verdicts.flatMap((type) => {
    const [after, before] = [conditionsOf(object, type), conditionsOf(old, type)];
    if (after.length < before.length || semanticEqual(after, before)) return [];
    const what = after.length > before.length ? "add" : "modify";
    return [fieldForbidden(conditionsPath, `updates may not ${what} a condition of type ${JSON.stringify(type)}`)];
  });
}

function conditionsOf({ status: { conditions } }: Request, type: string): readonly Condition[] {
  return (conditions ?? []).filter((condition) => condition.type === type);
}
