import { defined } from "../../../component-base/assert.ts";
import { utf8Decode } from "../../../component-base/bytes.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import { badRequest, conflict, notFound } from "../../../apimachinery/errors/new.ts";
import type { DeleteOptions } from "../../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { ObjectKind, Scheme } from "../../../apimachinery/scheme/scheme.ts";
import { cloneJson } from "../../../apimachinery/object.ts";
import { ensureNamespaceMatches } from "../../registry/generic/object-rules.ts";
import type { StoredOrDry, ValidatingAdmission } from "../../registry/generic/store.ts";
import { objectOf } from "../../registry/generic/store.ts";
import type { AuthorizationAttributes } from "../../authorization/authorizer.ts";
import { requireAllowed } from "../../authorization/require-allowed.ts";
import type { WritePreconditions } from "../../registry/rest/registry-access.ts";
import type { RequestContext } from "../../registry/rest/strategy.ts";
import { admit, attributesOf, validateAdmission } from "../admission.ts";
import type { AdmissionBase } from "../admission.ts";
import type { FieldManager } from "../fieldmanager/field-manager.ts";
import { isManagedFieldsReset } from "../fieldmanager/managed-fields.ts";
import { managerName } from "../fieldmanager/manager-name.ts";
import { negotiate, plainObjects } from "../negotiation.ts";
import { integerOf, isPretty, parseIncludeObject, parseListOptions, parseWriteOptions } from "../query-options.ts";
import type { WriteOptions } from "../query-options.ts";
import { queryFlag } from "../request-info.ts";
import type { RequestScope } from "../request-scope.ts";
import { contentTypeOf, decodeAs, decodeOptions, parseBody, readRequestBody, warningLines } from "../request-body.ts";
import type { ResourceEndpoint } from "../resource-endpoint.ts";
import { prepareServed, prepareStored, served } from "../resource-endpoint.ts";
import { respond, respondObject } from "../response.ts";
import { parseSelection } from "../selection.ts";
import { selectServed, splitSelection } from "../served-fields.ts";
import { negotiateView, respondList } from "./read.ts";
import type { ParsedText } from "../serializer.ts";
import { type DocumentPatch, applyPatch, parseConfiguration, patchRefusal, patchTypeOf } from "./patch-types.ts";

/** What strategies and subresource handlers are told of the request. */
export function contextOf(endpoint: ResourceEndpoint, scope: RequestScope, dryRun: boolean): RequestContext {
  return {
    user: scope.user,
    namespace: scope.info.namespaceKey,
    apiGroup: scope.info.apiGroup,
    nowMs: endpoint.context.clock.now(),
    dryRun,
    pace: scope.pace,
    warn: (text) => void scope.warnings.add(text),
  };
}

/** Reads, parses and type-checks the body as `kind`, and applies its defaults. */
export async function decodeBody(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  kind: ObjectKind,
  mode: WriteOptions["fieldValidation"],
  alsoAccepts: readonly string[] = [],
): Promise<Mutable<KubeObject>> {
  return (await decodeSent(endpoint, scope, kind, mode, alsoAccepts)).object;
}

/** An object as a client sent it. */
interface SentObject {
  readonly object: Mutable<KubeObject>;
  readonly resetsManagedFields: boolean;
}

async function decodeSent(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  kind: ObjectKind,
  mode: WriteOptions["fieldValidation"],
  alsoAccepts: readonly string[] = [],
): Promise<SentObject> {
  const contentType = contentTypeOf(scope.http);
  const bytes = await readRequestBody(scope.http, endpoint.context.bodyBytesMax);
  scope.pace.note(bytes.length);
  const parsed = await parseBody(bytes, contentType, kind, endpoint.context.yaml);
  await scope.pace.giveWay();
  return decodeParsed(kind, parsed, { scope, mode, scheme: endpoint.context.scheme, alsoAccepts });
}

async function decodeParsed(
  kind: ObjectKind,
  parsed: ParsedText,
  {
    scope,
    mode,
    scheme,
    alsoAccepts = [],
  }: {
    readonly scope: RequestScope;
    readonly mode: WriteOptions["fieldValidation"];
    readonly scheme: Scheme;
    readonly alsoAccepts?: readonly string[];
  },
): Promise<SentObject> {
  const object = decodeAs(kind, parsed, { mode, warn: (text) => void scope.warnings.add(text), scheme, alsoAccepts });
  await scope.pace.giveWay();
  kind.applyDefaults(object);
  scope.audit?.noteRequest(object);
  return { object, resetsManagedFields: isManagedFieldsReset(parsed.value) };
}

/** Records in managedFields who made the object of what is stored. Both are of the served version. */
function trackFields(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  write: WriteOptions,
  sent: SentObject,
  live: KubeObject | undefined,
): Promise<void> {
  const steps = fieldManagerOf(endpoint, scope).update({
    live,
    object: sent.object,
    manager: managerName(write.fieldManager, scope.http.headers["user-agent"]),
    isReset: sent.resetsManagedFields,
  });
  return scope.pace.run(steps);
}

function fieldManagerOf(endpoint: ResourceEndpoint, scope: RequestScope): FieldManager {
  return endpoint.context.fieldManagers.of(endpoint.resource, scope.info.subresource);
}

async function toStorage(endpoint: ResourceEndpoint, object: Mutable<KubeObject>): Promise<Mutable<KubeObject>> {
  await endpoint.convert?.ask?.toStorage([object]);
  return endpoint.convert ? endpoint.convert.toStorage(object) : object;
}

/** Mutating admission works on the served version, with the defaults of whatever it adds applied afterwards. */
async function admitObject(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  base: AdmissionBase,
  object: Mutable<KubeObject>,
  old: KubeObject | undefined,
): Promise<void> {
  if (endpoint.context.admission.length === 0) return;
  await admit(endpoint.context, attributesOf(endpoint, scope, base, object, old));
  endpoint.kind.custom?.prune(object);
  endpoint.kind.applyDefaults(object);
}

/** Validating admission of what a store is about to write. */
function validation(endpoint: ResourceEndpoint, scope: RequestScope, base: AdmissionBase): ValidatingAdmission {
  return async (object, old) => {
    await scope.pace.giveWay();
    if (endpoint.context.admission.length === 0) return;
    await prepareServed(
      endpoint,
      [object, old].filter((each) => each !== undefined),
    );
    const now = object && (served(endpoint, object) as Mutable<KubeObject>);
    const attributes = attributesOf(endpoint, scope, base, now, old && served(endpoint, old));
    // A deletion has nothing to change, but plugins may refuse it in either phase.
    if (!object) await admit(endpoint.context, attributes);
    await validateAdmission(endpoint.context, attributes);
  };
}

/** POST to a collection. */
export async function handleCreate(endpoint: ResourceEndpoint, scope: RequestScope): Promise<HttpResponse> {
  const { query } = scope.http;
  const write = parseWriteOptions(query, "CreateOptions");
  const negotiated = negotiateView(endpoint, scope);
  const sent = await decodeSent(endpoint, scope, endpoint.kind, write.fieldValidation);
  const { object } = sent;
  ensureNamespaceMatches(object, endpoint.resource.namespaced ? scope.info.namespaceKey : "");
  warnOfDuplicateOwners(object, scope);
  await scope.pace.giveWay();
  await trackFields(endpoint, scope, write, sent, undefined);
  await scope.pace.giveWay();
  const context = contextOf(endpoint, scope, write.dryRun);
  const base: AdmissionBase = { operation: "CREATE", options: write.options, dryRun: write.dryRun };
  await admitObject(endpoint, scope, base, object, undefined);
  const store = defined(endpoint.store, "store");
  const created = await store.createObject(
    await toStorage(endpoint, object),
    context,
    validation(endpoint, scope, base),
  );
  if (endpoint.convert?.ask) await prepareServed(endpoint, [objectOf(created)]);
  return respondObject(endpoint, 201, created, negotiated, parseIncludeObject(query, negotiated.as));
}

/** POST of a kind that is answered and not stored. */
export async function handleReview(endpoint: ResourceEndpoint, scope: RequestScope): Promise<HttpResponse> {
  const write = parseWriteOptions(scope.http.query, "CreateOptions");
  const { headers, query } = scope.http;
  const { encoding } = negotiate(
    headers.accept,
    isPretty(query, headers["user-agent"]),
    plainObjects(endpoint.context.scheme),
  );
  const sent = await decodeSent(endpoint, scope, endpoint.kind, write.fieldValidation);
  const { object } = sent;
  ensureNamespaceMatches(object, endpoint.resource.namespaced ? scope.info.namespaceKey : "");
  await trackFields(endpoint, scope, write, sent, undefined);
  const base: AdmissionBase = { operation: "CREATE", options: write.options, dryRun: write.dryRun };
  await admitObject(endpoint, scope, base, object, undefined);
  await validation(endpoint, scope, base)(object, undefined);
  const { review } = endpoint.registration;
  const answer = await defined(review, "review")(
    object,
    contextOf(endpoint, scope, write.dryRun),
    endpoint.context.registry,
  );
  return respond(201, answer, encoding);
}

/** PUT of an object, or of a subresource that reads and writes the whole object. */
export async function handleUpdate(endpoint: ResourceEndpoint, scope: RequestScope): Promise<HttpResponse> {
  const { http, info } = scope;
  const write = parseWriteOptions(http.query, "UpdateOptions");
  const negotiated = negotiateView(endpoint, scope);
  const sent = await decodeSent(endpoint, scope, endpoint.kind, write.fieldValidation);
  checkName(sent.object, scope);
  ensureNamespaceMatches(sent.object, endpoint.resource.namespaced ? info.namespaceKey : "");
  warnOfDuplicateOwners(sent.object, scope);
  const change = async (old: KubeObject | undefined): Promise<Mutable<KubeObject>> => {
    if (!old) await requireAllowed(endpoint.context.authorizer, creationOf(scope));
    if (old) await prepareServed(endpoint, [old]);
    // Each attempt changes a copy of its own.
    const object = cloneJson(sent.object);
    await scope.pace.giveWay();
    const live = old && served(endpoint, old);
    await scope.pace.giveWay();
    await trackFields(endpoint, scope, write, { ...sent, object }, live);
    await scope.pace.giveWay();
    await admitChange(endpoint, scope, write, object, old);
    return toStorage(endpoint, object);
  };
  const answer = (result: StoredOrDry, isCreated: boolean): Promise<HttpResponse> =>
    respondObject(endpoint, isCreated ? 201 : 200, result, negotiated, parseIncludeObject(http.query, negotiated.as));
  return updateWith(endpoint, scope, write, change, answer, preconditionsOf(sent.object));
}

/** A PUT that says a uid is meant for that object. */
export function preconditionsOf(sent: KubeObject | undefined): { readonly preconditions?: WritePreconditions } {
  const uid = sent?.metadata.uid;
  return uid ? { preconditions: { uid } } : {};
}

/** A PUT that turns out to create needs the permission to create, too. */
function creationOf({ info, user }: RequestScope): AuthorizationAttributes {
  const { namespace, apiGroup, apiVersion, resource, subresource, name, path } = info;
  const verb = "create";
  return { user, verb, isResourceRequest: true, namespace, apiGroup, apiVersion, resource, subresource, name, path };
}

/** PATCH: the patch is applied to the newest state, and again when somebody else was faster. */
export async function handlePatch(endpoint: ResourceEndpoint, scope: RequestScope): Promise<HttpResponse> {
  const { http, info } = scope;
  const type = patchTypeOf(contentTypeOf(http), endpoint.kind);
  const write = parseWriteOptions(http.query, "PatchOptions", type === "apply");
  const negotiated = negotiateView(endpoint, scope);
  const patch = utf8Decode(await readRequestBody(http, endpoint.context.bodyBytesMax));
  scope.pace.note(patch.length);
  const configuration = type === "apply" ? await parseConfiguration(patch, endpoint.context.yaml) : undefined;
  scope.audit?.noteRequest(configuration?.value ?? patch);
  const change = async (old: KubeObject | undefined): Promise<Mutable<KubeObject>> => {
    if (!old && !configuration) throw notFound({ group: info.apiGroup, resource: info.resource }, info.name);
    if (!old) await requireAllowed(endpoint.context.authorizer, creationOf(scope));
    if (old) await prepareServed(endpoint, [old]);
    const live = old && served(endpoint, old);
    await scope.pace.giveWay();
    const object =
      type === "apply"
        ? await appliedObject(endpoint, scope, write, defined(configuration, "configuration"), live)
        : await patchedObject(endpoint, scope, write, { type, patch, live: defined(live, "object") });
    await scope.pace.giveWay();
    ensureNamespaceMatches(object, endpoint.resource.namespaced ? info.namespaceKey : "");
    checkName(object, scope);
    await admitChange(endpoint, scope, write, object, old);
    return toStorage(endpoint, object);
  };
  return updateWith(
    endpoint,
    scope,
    write,
    change,
    (result, isCreated) =>
      respondObject(endpoint, isCreated ? 201 : 200, result, negotiated, parseIncludeObject(http.query, negotiated.as)),
    { allowCreate: type === "apply" },
  );
}

async function patchedObject(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  write: WriteOptions,
  { type, patch, live }: { readonly type: DocumentPatch; readonly patch: string; readonly live: KubeObject },
): Promise<Mutable<KubeObject>> {
  const patched = await scope.pace.run(applyPatch(type, patch, live, endpoint.kind));
  await scope.pace.giveWay();
  let sent: SentObject;
  try {
    sent = await decodeParsed(endpoint.kind, patched, {
      scope,
      mode: write.fieldValidation,
      scheme: endpoint.context.scheme,
    });
  } catch (error) {
    throw patchRefusal(error, { type, patch, patchedValue: patched.value });
  }
  await scope.pace.giveWay();
  await trackFields(endpoint, scope, write, sent, live);
  return sent.object;
}

/** Server-side apply. */
async function appliedObject(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  write: WriteOptions,
  configuration: ParsedText,
  live: KubeObject | undefined,
): Promise<Mutable<KubeObject>> {
  const { value: applied, duplicates } = configuration;
  const manager = write.fieldManager ?? "";
  const object = await scope.pace.run(
    fieldManagerOf(endpoint, scope).apply({ live, applied, manager, isForced: write.isForced }),
  );
  if (duplicates.length > 0) {
    // Fields the kind does not have have failed already, whatever fieldValidation says.
    if (write.fieldValidation === "Strict")
      throw badRequest(`error strict decoding YAML: error converting YAML to JSON: ${duplicates.join(", ")}`);
    if (write.fieldValidation === "Warn") for (const text of duplicates.flatMap(warningLines)) scope.warnings.add(text);
  }
  if (live) return object;
  const { uid } = object.metadata;
  if (uid) {
    const gr = { group: scope.info.apiGroup, resource: scope.info.resource };
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict(gr, scope.info.name, why);
  }
  return object;
}

async function admitChange(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  write: WriteOptions,
  object: Mutable<KubeObject>,
  old: KubeObject | undefined,
): Promise<void> {
  const operation = old ? "UPDATE" : "CREATE";
  const base: AdmissionBase = { operation, options: write.options, dryRun: write.dryRun };
  await admitObject(endpoint, scope, base, object, old && served(endpoint, old));
}

/** The common end of PUT and PATCH. */
export async function updateWith(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  write: WriteOptions,
  change: (old: KubeObject | undefined) => Promise<Mutable<KubeObject>>,
  answer: (result: StoredOrDry, isCreated: boolean) => HttpResponse | Promise<HttpResponse>,
  options: {
    readonly subresource?: string;
    readonly allowCreate?: boolean;
    readonly preconditions?: WritePreconditions;
    /** Where admission is to see something else than the whole object. */
    readonly validate?: ValidatingAdmission;
  } = {},
): Promise<HttpResponse> {
  const { info } = scope;
  const { subresource = info.subresource, allowCreate = false, preconditions } = options;
  const validateWhole: ValidatingAdmission = (object, old) => {
    const operation = old ? "UPDATE" : "CREATE";
    const base: AdmissionBase = { operation, options: write.options, dryRun: write.dryRun };
    return validation(endpoint, scope, base)(object, old);
  };
  const { object, isCreated } = await defined(endpoint.store, "store").updateObject({
    namespace: info.namespaceKey,
    name: info.name,
    change,
    context: contextOf(endpoint, scope, write.dryRun),
    validate: options.validate ?? validateWhole,
    allowCreate,
    ...(preconditions ? { preconditions } : {}),
    ...(subresource === "" ? {} : { subresource }),
  });
  if (endpoint.convert?.ask) await prepareServed(endpoint, [objectOf(object)]);
  return answer(object, isCreated);
}

/** DELETE of one object. */
export async function handleDelete(endpoint: ResourceEndpoint, scope: RequestScope): Promise<HttpResponse> {
  const { http, info } = scope;
  const options = await readDeleteOptions(endpoint, scope);
  const dryRun = (options.dryRun?.length ?? 0) > 0;
  const negotiated = negotiateView(endpoint, scope);
  const store = defined(endpoint.store, "store");
  const context = contextOf(endpoint, scope, dryRun);
  for (const text of store.strategy.warningsOnDelete?.(options) ?? []) context.warn(text);
  const { object, isGone } = await store.deleteObject({
    namespace: info.namespaceKey,
    name: info.name,
    options,
    context,
    validate: validation(endpoint, scope, { operation: "DELETE", options, dryRun }),
  });
  if (endpoint.convert?.ask) await prepareServed(endpoint, [objectOf(object)]);
  // As upstream: 202 when dependents have to go first and the client asked to wait for them.
  const status = !isGone && options.orphanDependents === false ? 202 : 200;
  if (!isGone || store.strategy.returnDeletedObject)
    return respondObject(endpoint, status, object, negotiated, parseIncludeObject(http.query, negotiated.as));
  const { name = "", uid = "" } = objectOf(object).metadata;
  const details = {
    name,
    ...(info.apiGroup === "" ? {} : { group: info.apiGroup }),
    kind: info.resource,
    uid,
  };
  return respond(
    status,
    { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details },
    negotiated.encoding,
  );
}

/** DELETE of a collection. */
export async function handleDeleteCollection(endpoint: ResourceEndpoint, scope: RequestScope): Promise<HttpResponse> {
  const { http, info } = scope;
  const options = await readDeleteOptions(endpoint, scope);
  const listOptions = parseListOptions(http.query);
  const negotiated = negotiateView(endpoint, scope);
  const dryRun = (options.dryRun?.length ?? 0) > 0;
  const selection = splitSelection(endpoint, parseSelection(endpoint, info.namespaceKey, listOptions));
  const store = defined(endpoint.store, "store");
  const context = contextOf(endpoint, scope, dryRun);
  for (const text of store.strategy.warningsOnDelete?.(options) ?? []) context.warn(text);
  const { items, revision } = await store.deleteCollection(
    selection.stored,
    {
      limit: Math.max(listOptions.limit ?? 0, 0),
      continueToken: listOptions.continue ?? "",
      resourceVersion: listOptions.resourceVersion ?? "",
    },
    {
      options,
      context,
      validate: validation(endpoint, scope, { operation: "DELETE", options, dryRun }),
    },
    (selected) => selectServed(endpoint, selected, selection.served),
  );
  const list = { items, revision, continueToken: "", remainingItemCount: undefined };
  return respondList(endpoint, scope, negotiated, list, await prepareStored(endpoint, items));
}

/** From the body, when there is one, else from the query. */
async function readDeleteOptions(endpoint: ResourceEndpoint, scope: RequestScope): Promise<DeleteOptions> {
  const { http } = scope;
  const bytes = await readRequestBody(http, endpoint.context.bodyBytesMax);
  if (bytes.length > 0) {
    const kind = defined(endpoint.context.scheme.kind("meta.k8s.io", "v1", "DeleteOptions"), "DeleteOptions");
    const object = await decodeOptions(bytes, contentTypeOf(http), kind, endpoint.context);
    scope.audit?.noteRequest(object);
    return object;
  }
  const { query } = http;
  const policy = query.get("propagationPolicy");
  const dryRun = query.getAll("dryRun");
  return {
    ...integerOf(query, "gracePeriodSeconds"),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(query.has("orphanDependents") ? { orphanDependents: queryFlag(query, "orphanDependents") } : {}),
    ...(dryRun.length > 0 ? { dryRun } : {}),
  };
}

export function checkName(object: KubeObject, scope: RequestScope): void {
  const { name = "", namespace = "" } = object.metadata;
  const { info } = scope;
  if (name === "")
    throw badRequest(`the name of the object (${info.name} based on URL) was undeterminable: name must be provided`);
  if (name !== info.name)
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${info.name})`);
  if (namespace !== "" && info.namespaceKey !== "" && namespace !== info.namespaceKey)
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
}

/** Owner references are a map by uid; a second one of the same object is dropped with a warning. */
function warnOfDuplicateOwners(object: Mutable<KubeObject>, scope: RequestScope): void {
  const owners = object.metadata.ownerReferences;
  if (!owners || owners.length < 2) return;
  const seen = new Set<string>();
  const kept = owners.filter(({ uid }) => !seen.has(uid) && seen.add(uid));
  if (kept.length === owners.length) return;
  object.metadata.ownerReferences = kept;
  scope.warnings.add(
    ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests",
  );
}
