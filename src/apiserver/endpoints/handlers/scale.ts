import { defined } from "../../../component-base/assert.ts";
import { finish } from "../../../component-base/steps.ts";
import { utf8Decode } from "../../../component-base/bytes.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import { badRequest, conflict, internalError, invalid, notFound } from "../../../apimachinery/errors/new.ts";
import { goQuote } from "../../../apimachinery/go-format.ts";
import { selectorFromLabelSelector, selectorFromSet } from "../../../apimachinery/labels/selector.ts";
import type { GroupResource, LabelSelector } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../../apimachinery/resource-type.ts";
import type { ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import { fieldInvalid } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { validateObjectMeta } from "../../../apimachinery/validation/object-meta.ts";
import { cloneJson } from "../../../apimachinery/object.ts";
import type { ScaleView } from "../../registry/generic/resource-registration.ts";
import { ensureNamespaceMatches } from "../../registry/generic/object-rules.ts";
import { objectOf, type ValidatingAdmission } from "../../registry/generic/store.ts";
import { type AdmissionBase, admit, attributesOf, validateAdmission } from "../admission.ts";
import { humanDuration } from "../human-duration.ts";
import { type Negotiated, negotiate, plainObjects } from "../negotiation.ts";
import { isPretty, parseIncludeObject, parseWriteOptions } from "../query-options.ts";
import type { RequestScope } from "../request-scope.ts";
import { type FieldValidation, contentTypeOf, decodeAs, readRequestBody } from "../request-body.ts";
import type { ResourceEndpoint } from "../resource-endpoint.ts";
import { respond } from "../response.ts";
import { managerName } from "../fieldmanager/manager-name.ts";
import { parentManagedFields, scaleManagedFields } from "../fieldmanager/scale-fields.ts";
import { type DocumentPatch, applyPatch, parseConfiguration, patchRefusal, patchTypeOf } from "./patch-types.ts";
import { type IncludeObject, checkPartial, partialObject, tableOf } from "../table.ts";
import { checkName, decodeBody, preconditionsOf, updateWith } from "./write.ts";

/** Any object with replicas. */
interface Scalable extends KubeObject {
  readonly spec?: { readonly replicas?: number; readonly selector?: unknown };
  readonly status?: { readonly replicas?: number };
}

interface Scale extends KubeObject {
  readonly spec: { readonly replicas?: number };
  readonly status: { readonly replicas: number; readonly selector?: string };
}

/** GET, PUT and PATCH of `scale`: the replicas of an object, without knowing its kind. */
export async function handleScale(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  view: ScaleView = usualFields,
): Promise<HttpResponse> {
  const { http, info } = scope;
  const negotiated = negotiate(http.headers.accept, isPretty(http.query, http.headers["user-agent"]), {
    ...plainObjects(endpoint.context.scheme),
    table: info.verb === "get",
    partial: info.verb === "get",
  });
  const { encoding } = negotiated;
  const store = defined(endpoint.store, "store");
  if (info.verb === "get") {
    const object = store.stored(info.namespaceKey, info.name).object();
    if (view.read(object).replicas === undefined)
      throw internalError(new Error(`the spec replicas field ${goQuote(view.customPath ?? "")} does not exist`));
    const scale = scaleOf(object, view);
    const include = parseIncludeObject(http.query, negotiated.as);
    return respond(200, scaleView(endpoint, scale, negotiated, include), encoding);
  }
  const type = info.verb === "patch" ? patchTypeOf(contentTypeOf(http), endpoint.kind) : undefined;
  const write = parseWriteOptions(http.query, type ? "PatchOptions" : "UpdateOptions", type === "apply");
  const kind = defined(endpoint.context.scheme.kind("autoscaling", "v1", "Scale"), "Scale");
  const sent = type ? undefined : ((await decodeBody(endpoint, scope, kind, write.fieldValidation)) as Scale);
  if (sent) {
    checkName(sent, scope);
    ensureNamespaceMatches(sent as Mutable<KubeObject>, info.namespaceKey);
  }
  const patch = sent ? "" : utf8Decode(await readRequestBody(http, endpoint.context.bodyBytesMax));
  const fields = endpoint.context.fieldManagers.ofScale();
  const configuration = type === "apply" ? await parseConfiguration(patch, endpoint.context.yaml) : undefined;
  if (!sent) scope.audit?.noteRequest(configuration?.value ?? patch);
  const next = (live: Scale): Mutable<KubeObject> => {
    if (type === "apply") {
      const { value: applied } = defined(configuration, "configuration");
      return finish(fields.apply({ live, applied, manager: write.fieldManager ?? "", isForced: write.isForced }));
    }
    const warn = (text: string): void => void scope.warnings.add(text);
    const object = type
      ? patchedScale(type, patch, live, { kind, fields: { mode: write.fieldValidation, warn } })
      : (cloneJson(sent) as Mutable<KubeObject>);
    const manager = managerName(write.fieldManager, http.headers["user-agent"]);
    finish(fields.update({ live, object, manager, isReset: false }));
    return object;
  };
  const base: AdmissionBase = { operation: "UPDATE", options: write.options, dryRun: write.dryRun, kind: "Scale" };
  const change = async (old: KubeObject | undefined): Promise<Mutable<KubeObject>> => {
    if (!old) throw notFound(store.names.gr, info.name);
    const before = scaleOf(old, view);
    const scale = next(withScaleFields(endpoint, before, old));
    ensureNamespaceMatches(scale, info.namespaceKey);
    checkName(scale, scope);
    await admit(endpoint.context, attributesOf(endpoint, scope, base, scale, before));
    if (view.customPath === undefined) checkScale(scale as Scale, old, store.names.gr);
    else if ((scale as Scale).spec.replicas === unsetReplicas)
      throw badRequest(`the spec replicas field ${goQuote(view.customPath)} cannot be empty`);
    return withParentFields(endpoint, scaled(old, scale as Scale, view), old, scale);
  };
  const validate: ValidatingAdmission = async (object, old) => {
    const [now, before] = [object, old].map((each) => each && (scaleOf(each, view) as Mutable<Scale>));
    await validateAdmission(endpoint.context, attributesOf(endpoint, scope, base, now, before));
  };
  // The store sees a change of spec under the kind's own strategy; only admission sees the subresource.
  return updateWith(
    endpoint,
    scope,
    write,
    change,
    (result) => respond(200, scaleOf(objectOf(result), view), encoding),
    { subresource: "", validate, ...preconditionsOf(sent) },
  );
}

function patchedScale(
  type: DocumentPatch,
  patch: string,
  live: Scale,
  { kind, fields }: { readonly kind: ObjectKind; readonly fields: FieldValidation },
): Mutable<KubeObject> {
  const patched = finish(applyPatch(type, patch, live, kind));
  try {
    return decodeAs(kind, patched, fields);
  } catch (error) {
    throw patchRefusal(error, { type, patch, patchedValue: patched.value });
  }
}

/** With the managers of its replicas, which answers do not show. */
function withScaleFields({ context, resource }: ResourceEndpoint, scale: Scale, parent: KubeObject): Scale {
  const { fieldManagers } = context;
  const managedFields = scaleManagedFields(
    fieldManagers.codec,
    parent.metadata.managedFields,
    fieldManagers.replicasPathsOf(resource),
  );
  return managedFields ? { ...scale, metadata: { ...scale.metadata, managedFields } } : scale;
}

function withParentFields(
  { context, resource }: ResourceEndpoint,
  parent: Mutable<KubeObject>,
  old: KubeObject,
  scale: KubeObject,
): Mutable<KubeObject> {
  const { fieldManagers } = context;
  const managedFields = parentManagedFields(
    fieldManagers.codec,
    old.metadata.managedFields,
    scale.metadata.managedFields,
    { apiVersion: apiVersionOf(resource), paths: fieldManagers.replicasPathsOf(resource) },
  );
  const { managedFields: _, ...metadata } = parent.metadata;
  return { ...parent, metadata: managedFields ? { ...metadata, managedFields: [...managedFields] } : metadata };
}

/** Stands for replicas of a custom kind that an object does not say, so that a patch that does not either is noticed. */
const unsetReplicas = -(2 ** 31);

/** Where replicas are unless a kind says otherwise. */
const usualFields: ScaleView = {
  read: ({ spec, status }: Scalable) => ({
    replicas: spec?.replicas ?? 0,
    statusReplicas: status?.replicas ?? 0,
    selector: selectorText(spec?.selector),
  }),
  write: (object: Mutable<KubeObject> & { spec?: { replicas?: number } }, replicas) => {
    object.spec = { ...object.spec, replicas };
  },
};

const scaleColumns = [
  ["Name", "string", "name"],
  ["Desired", "integer", ""],
  ["Available", "integer", ""],
  ["Age", "string", ""],
].map(([name, type, format]) => ({ name, type, format, description: "", priority: 0 }));

function scaleView(endpoint: ResourceEndpoint, scale: Scale, negotiated: Negotiated, include: IncludeObject): unknown {
  const { as, asVersion } = negotiated;
  if (as === "") return scale;
  if (as === "Table") return scaleTable(endpoint, scale, negotiated, include);
  checkPartial("autoscaling.Scale", as, false);
  return partialObject(scale, asVersion);
}

function scaleTable(
  endpoint: ResourceEndpoint,
  scale: Scale,
  { asVersion }: Negotiated,
  include: IncludeObject,
): unknown {
  const { name = "", creationTimestamp, resourceVersion } = scale.metadata;
  const age =
    creationTimestamp === undefined
      ? "<unknown>"
      : humanDuration(endpoint.context.clock.now() - Date.parse(creationTimestamp));
  const cells = [name, scale.spec.replicas ?? 0, scale.status.replicas, age];
  const object = include === "Object" ? scale : partialObject(scale, asVersion);
  const rows = [include === "None" ? { cells } : { cells, object }];
  return tableOf({ resourceVersion }, scaleColumns, rows, asVersion);
}

function scaleOf(object: KubeObject, view: ScaleView): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { replicas = unsetReplicas, statusReplicas, selector } = view.read(object);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    // An update of an object without a name would be one of another object: these are always there.
    metadata: JSON.parse(
      JSON.stringify({ name, namespace, uid, resourceVersion, creationTimestamp }),
    ) as KubeObject["metadata"],
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: statusReplicas, ...(selector === "" ? {} : { selector }) },
  };
}

/** A ReplicationController selects by a plain map, all others by a LabelSelector. */
function selectorText(selector: unknown): string {
  if (typeof selector !== "object" || selector === null) return "";
  if ("matchLabels" in selector || "matchExpressions" in selector)
    return selectorFromLabelSelector(selector as LabelSelector).toString();
  return selectorFromSet(selector as Readonly<Record<string, string>>).toString();
}

/** What upstream's built-in kinds look at before they take over the replicas. */
function checkScale(scale: Scale, old: KubeObject, gr: GroupResource): void {
  const { name = "", uid = "" } = old.metadata;
  const replicas = scale.spec.replicas ?? 0;
  const errors = validateObjectMeta(scale.metadata, { namespaced: true }, FieldPath.of("metadata"));
  if (replicas < 0)
    errors.push(fieldInvalid(FieldPath.of("spec", "replicas"), replicas, "must be greater than or equal to 0"));
  if (errors.length > 0) throw invalid({ group: "autoscaling", kind: "Scale" }, name, errors);
  if (!scale.metadata.uid || scale.metadata.uid === uid) return;
  const why = `Precondition failed: UID in precondition: ${scale.metadata.uid}, UID in object meta: ${uid}`;
  throw conflict({ group: gr.group, resource: `${gr.resource}/scale` }, name, why);
}

function scaled(old: KubeObject, scale: Scale, view: ScaleView): Mutable<KubeObject> {
  const object = cloneJson(old) as Mutable<KubeObject>;
  view.write(object, scale.spec.replicas ?? 0);
  const { resourceVersion } = scale.metadata;
  if (resourceVersion) object.metadata.resourceVersion = resourceVersion;
  // Custom kinds are not updated whatever their state is: without a version, the one just read is meant.
  else if (view.customPath === undefined) delete object.metadata.resourceVersion;
  return object;
}
