import { defined } from "../../../component-base/assert.ts";
import { finish } from "../../../component-base/steps.ts";
import { utf8Decode } from "../../../component-base/bytes.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import { invalid, notFound } from "../../../apimachinery/errors/new.ts";
import { selectorFromLabelSelector, selectorFromSet } from "../../../apimachinery/labels/selector.ts";
import type { LabelSelector } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../../apimachinery/resource-type.ts";
import type { ObjectKind } from "../../../apimachinery/scheme/scheme.ts";
import { fieldInvalid } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { cloneJson } from "../../../apimachinery/object.ts";
import type { ScaleView } from "../../registry/generic/resource-registration.ts";
import { objectOf } from "../../registry/generic/store.ts";
import { admit, attributesOf } from "../admission.ts";
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
import { type IncludeObject, partialObject, tableOf } from "../table.ts";
import { decodeBody, updateWith } from "./write.ts";

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
  });
  const { encoding } = negotiated;
  const store = defined(endpoint.store, "store");
  if (info.verb === "get") {
    const scale = scaleOf(store.stored(info.namespaceKey, info.name).object(), view);
    const include = parseIncludeObject(http.query);
    return respond(200, negotiated.as === "Table" ? scaleTable(endpoint, scale, negotiated, include) : scale, encoding);
  }
  const type = info.verb === "patch" ? patchTypeOf(contentTypeOf(http), endpoint.kind) : undefined;
  const write = parseWriteOptions(http.query, type ? "PatchOptions" : "UpdateOptions", type === "apply");
  const kind = defined(endpoint.context.scheme.kind("autoscaling", "v1", "Scale"), "Scale");
  const sent = type ? undefined : ((await decodeBody(endpoint, scope, kind, write.fieldValidation)) as Scale);
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
  const change = async (old: KubeObject | undefined): Promise<Mutable<KubeObject>> => {
    if (!old) throw notFound(store.names.gr, info.name);
    const before = scaleOf(old, view);
    const scale = next(withScaleFields(endpoint, before, old));
    await admit(
      endpoint.context,
      attributesOf(
        endpoint,
        scope,
        { operation: "UPDATE", options: write.options, dryRun: write.dryRun, kind: "Scale" },
        scale,
        before,
      ),
    );
    checkScale(scale as Scale);
    return withParentFields(endpoint, scaled(old, scale as Scale, view), old, scale);
  };
  // The store sees a change of spec under the kind's own strategy; only admission sees the subresource.
  return updateWith(
    endpoint,
    scope,
    write,
    change,
    (result) => respond(200, scaleOf(objectOf(result), view), encoding),
    {
      subresource: "",
    },
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
  const { replicas, statusReplicas, selector } = view.read(object);
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

function checkScale(scale: Scale): void {
  const replicas = scale.spec.replicas ?? 0;
  if (replicas >= 0) return;
  const error = fieldInvalid(FieldPath.of("spec", "replicas"), replicas, "must be greater than or equal to 0");
  throw invalid({ group: "autoscaling", kind: "Scale" }, scale.metadata.name ?? "", [error]);
}

function scaled(old: KubeObject, scale: Scale, view: ScaleView): Mutable<KubeObject> {
  const object = cloneJson(old) as Mutable<KubeObject>;
  view.write(object, scale.spec.replicas ?? 0);
  const { uid, resourceVersion } = scale.metadata;
  if (uid) object.metadata.uid = uid;
  // Without one the scale is meant for whatever the object is now.
  if (resourceVersion) object.metadata.resourceVersion = resourceVersion;
  return object;
}
