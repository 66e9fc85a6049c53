import { utf8Decode, utf8Encode } from "../../../component-base/bytes.ts";
import type { HttpResponse } from "../../../component-base/http.ts";
import { badRequest } from "../../../apimachinery/errors/new.ts";
import { queryFlag } from "../request-info.ts";
import { defined } from "../../../component-base/assert.ts";
import { mapGivingWay } from "../../../component-base/pace.ts";
import { apiVersionOf } from "../../../apimachinery/resource-type.ts";
import type { KubeObject } from "../../../apimachinery/resource-type.ts";
import { stringifyJson } from "../../../apimachinery/json/stringify.ts";
import { protobufList } from "../../../apimachinery/protobuf/list-message.ts";
import { stringifyYaml } from "../../../apimachinery/yaml/stringify.ts";
import type { ResourceStorage, StorageList, StorageListOptions } from "../../storage/interface.ts";
import { encodeObject } from "../../storage/object-codec.ts";
import type { StoredObject } from "../../storage/stored-object.ts";
import { negotiate } from "../negotiation.ts";
import type { Negotiated, TextEncoding } from "../negotiation.ts";
import { isPretty, parseIncludeObject, parseListOptions } from "../query-options.ts";
import type { RequestScope } from "../request-scope.ts";
import type { ResourceEndpoint } from "../resource-endpoint.ts";
import { prepareServed, prepareStored, served } from "../resource-endpoint.ts";
import { encodeValue, respondObject, storedProtobuf } from "../response.ts";
import { parseSelection } from "../selection.ts";
import { selectServed, splitSelection } from "../served-fields.ts";
import { checkPartial, goTypeOf, partialObject, tableColumns, tableOf, tableRow } from "../table.ts";

// Lists are written in groups of about this size, with backpressure between them.
const groupBytes = 512 * 1024;

/** GET of one object. */
export async function handleGet(endpoint: ResourceEndpoint, scope: RequestScope): Promise<HttpResponse> {
  const { info, http } = scope;
  const store = defined(endpoint.store, "store");
  const negotiated = negotiateView(endpoint, scope);
  if (queryFlag(http.query, "export"))
    throw badRequest("the export parameter, deprecated since v1.14, is no longer supported");
  const version = http.query.get("resourceVersion");
  if (version) store.storage.checkNotOlderThan(version);
  const stored = store.stored(info.namespaceKey, info.name);
  // Without the check each read would parse what is sent as it is stored.
  if (endpoint.convert?.ask) await prepareServed(endpoint, [stored.object()]);
  return respondObject(endpoint, 200, stored, negotiated, parseIncludeObject(http.query, negotiated.as));
}

/** What the client wants to see of objects of a resource. */
export function negotiateView(endpoint: ResourceEndpoint, scope: RequestScope): Negotiated {
  const { headers, query } = scope.http;
  const { scheme } = endpoint.context;
  return negotiate(headers.accept, isPretty(query, headers["user-agent"]), {
    table: true,
    partial: true,
    protobuf: endpoint.kind.toProtobuf && scheme,
    protobufPartial: scheme,
    serverVersion: "v1",
  });
}

/** GET of a collection. Stored bytes are strung together, never parsed, unless a view was asked for. */
export async function handleList(endpoint: ResourceEndpoint, scope: RequestScope): Promise<HttpResponse> {
  const { info, http } = scope;
  const store = defined(endpoint.store, "store");
  const negotiated = negotiateView(endpoint, scope);
  const options = parseListOptions(http.query);
  scope.pace.note((options.fieldSelector?.length ?? 0) + (options.labelSelector?.length ?? 0));
  await scope.pace.giveWay();
  const selection = parseSelection(endpoint, info.namespaceKey, options);
  await scope.pace.giveWay();
  const list = await listServed(endpoint, store.storage, {
    selection,
    limit: Math.max(options.limit ?? 0, 0),
    continueToken: options.continue ?? "",
    resourceVersion: options.resourceVersion ?? "",
    // Checked with the other options.
    resourceVersionMatch: (options.resourceVersionMatch ?? "") as "" | "Exact" | "NotOlderThan",
  });
  return respondList(endpoint, scope, negotiated, list, await prepareStored(endpoint, list.items));
}

/** A page of what is selected; where storage cannot tell all of it, as many of its pages as it takes to fill one. */
async function listServed(
  endpoint: ResourceEndpoint,
  storage: ResourceStorage,
  options: StorageListOptions,
): Promise<StorageList> {
  const { stored, served: required } = splitSelection(endpoint, options.selection);
  if (required.length === 0) return await storage.list(options);
  const items: StoredObject[] = [];
  let page: StorageListOptions = { ...options, selection: stored };
  for (;;) {
    const list = await storage.list(page);
    items.push(...(await selectServed(endpoint, list.items, required)));
    if (list.continueToken === "" || items.length >= options.limit)
      return { ...list, items, remainingItemCount: undefined };
    page = {
      selection: stored,
      limit: options.limit - items.length,
      continueToken: list.continueToken,
      resourceVersion: "",
      resourceVersionMatch: "",
    };
  }
}

/** A list of stored objects as a response. */
export async function respondList(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  negotiated: Negotiated,
  list: StorageList,
  prepared: ReadonlyMap<StoredObject, KubeObject>,
): Promise<HttpResponse> {
  const objectOf = (stored: StoredObject): KubeObject => prepared.get(stored) ?? stored.object();
  const { encoding, as } = negotiated;
  const metadata = {
    resourceVersion: String(list.revision),
    ...(list.continueToken === "" && !(endpoint.kind.custom && as === "") ? {} : { continue: list.continueToken }),
    ...(list.remainingItemCount === undefined ? {} : { remainingItemCount: list.remainingItemCount }),
  };
  const headers = { "content-type": encoding.contentType };
  const { custom } = endpoint.kind;
  const kind = custom?.listKind ?? `${endpoint.resource.kind}List`;
  const apiVersion = apiVersionOf(endpoint.resource);
  if (as === "" && encoding.format === "json" && !encoding.pretty && (!endpoint.convert || custom)) {
    const head = `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"items":[`;
    const prefixLength = endpoint.typePrefixLength;
    const itemOf = custom
      ? (item: StoredObject) => servedBytes(endpoint, item, objectOf(item))
      : (item: StoredObject) => item.bytes.subarray(prefixLength);
    const chunks = listChunks(head, list.items, custom ? wholeItems : itemsWithoutType, itemOf);
    return { status: 200, headers, body: inGroups(chunks) };
  }
  if (as === "" && encoding.format === "protobuf" && !endpoint.convert) {
    const empty = encodeValue({ kind, apiVersion, metadata, items: [] }, encoding);
    const items = await mapGivingWay(list.items, sizeOf, (stored) => storedProtobuf(stored, encoding));
    return { status: 200, headers, body: inGroups(protobufList(empty, items)) };
  }
  const view = listView(endpoint, scope, negotiated, { kind, apiVersion, metadata });
  if (encoding.format === "protobuf") {
    const items = await mapGivingWay(list.items, sizeOf, (stored) => view.itemOf(objectOf(stored)));
    return { status: 200, headers, body: encodeValue({ ...view.empty, [view.member]: items }, encoding) };
  }
  const text = listTextOf(encoding);
  const items = await mapGivingWay(list.items, sizeOf, (stored) => text.itemOf(view.itemOf(objectOf(stored))));
  const empty = utf8Decode(encodeValue(view.empty, encoding));
  return { status: 200, headers, body: inGroups(viewChunks(empty, text, view.member, items)) };
}

function sizeOf(stored: StoredObject): number {
  return stored.bytes.length;
}

/** A list in another form than it is stored in. */
interface ListView {
  readonly empty: object;
  /** The one its items are in. */
  readonly member: string;
  itemOf(object: KubeObject): unknown;
}

function listView(
  endpoint: ResourceEndpoint,
  scope: RequestScope,
  { as, asVersion }: Negotiated,
  plain: { readonly kind: string; readonly apiVersion: string; readonly metadata: unknown },
): ListView {
  const { metadata } = plain;
  switch (as) {
    case "":
      return { empty: { ...plain, items: [] }, member: "items", itemOf: (object) => listItem(endpoint, object) };
    case "Table": {
      const include = parseIncludeObject(scope.http.query, as);
      return {
        empty: tableOf(metadata, tableColumns(endpoint), [], asVersion),
        member: "rows",
        itemOf: (object) => tableRow(endpoint, object, include, asVersion),
      };
    }
    default:
      checkPartial(goTypeOf(endpoint), as, true);
      return {
        empty: { kind: as, apiVersion: `meta.k8s.io/${asVersion}`, metadata, items: [] },
        member: "items",
        itemOf: (object) => partialObject(served(endpoint, object), asVersion),
      };
  }
}

/** How a member that is a list is written, so that a long one can be written item by item. */
interface ListText {
  /** The member when it has no items. */
  empty(member: string): string;
  open(member: string): string;
  itemOf(item: unknown): Uint8Array;
  readonly separator: Uint8Array;
  readonly close: string;
}

const compactList: ListText = {
  empty: (member) => `"${member}":[]`,
  open: (member) => `"${member}":[`,
  itemOf: (item) => utf8Encode(stringifyJson(item)),
  separator: utf8Encode(","),
  close: "]",
};

const prettyList: ListText = {
  empty: (member) => `"${member}": []`,
  open: (member) => `"${member}": [\n    `,
  // Line ends inside of strings are escaped: these are all of the form.
  itemOf: (item) => utf8Encode(stringifyJson(item, 2).replaceAll("\n", "\n    ")),
  separator: utf8Encode(",\n    "),
  close: "\n  ]",
};

const yamlList: ListText = {
  empty: (member) => `\n${member}: []\n`,
  open: (member) => `\n${member}:\n`,
  itemOf: (item) => utf8Encode(stringifyYaml([item])),
  separator: utf8Encode(""),
  close: "",
};

function listTextOf({ format, pretty }: TextEncoding): ListText {
  if (format === "yaml") return yamlList;
  return pretty ? prettyList : compactList;
}

/** The text of a view without items, with these in it. */
function* viewChunks(
  empty: string,
  text: ListText,
  member: string,
  items: readonly Uint8Array[],
): Generator<Uint8Array> {
  const marker = text.empty(member);
  const at = empty.lastIndexOf(marker);
  if (items.length === 0) {
    yield utf8Encode(empty);
    return;
  }
  yield utf8Encode(empty.slice(0, at) + text.open(member));
  for (const [i, item] of items.entries()) {
    if (i > 0 && text.separator.length > 0) yield text.separator;
    yield item;
  }
  yield utf8Encode(text.close + empty.slice(at + marker.length));
}

/** Items of typed lists go without kind and apiVersion, as upstream's do; those of custom kinds keep them. */
function listItem(endpoint: ResourceEndpoint, stored: KubeObject): unknown {
  const object = served(endpoint, stored);
  if (endpoint.kind.custom) return object;
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  return rest;
}

/** The bytes of an object in the served version: the stored ones, when nothing is different about it. */
function servedBytes(endpoint: ResourceEndpoint, stored: StoredObject, object: KubeObject): Uint8Array {
  const view = served(endpoint, object);
  return view === object ? stored.bytes : encodeObject(view);
}

/** What stands before the items of a list. */
interface Separators {
  readonly first: Uint8Array;
  readonly next: Uint8Array;
}

const wholeItems: Separators = { first: utf8Encode(""), next: utf8Encode(",") };
const itemsWithoutType: Separators = { first: utf8Encode("{"), next: utf8Encode(",{") };
const tail = utf8Encode("]}\n");

function* listChunks(
  head: string,
  items: readonly StoredObject[],
  separators: Separators,
  itemOf: (item: StoredObject) => Uint8Array,
): Generator<Uint8Array> {
  yield utf8Encode(head);
  let separator = separators.first;
  for (const item of items) {
    if (separator.length > 0) yield separator;
    yield itemOf(item);
    separator = separators.next;
  }
  yield tail;
}

/** Chunks as a body that is written in groups; what fits into one is known whole. */
function inGroups(source: Iterable<Uint8Array>): HttpResponse["body"] {
  const chunks = source[Symbol.iterator]();
  const nextGroup = (): { readonly group: Uint8Array[]; readonly isLast: boolean } => {
    const group: Uint8Array[] = [];
    for (let size = 0; size < groupBytes;) {
      const { done, value } = chunks.next();
      if (done === true) return { group, isLast: true };
      group.push(value);
      size += value.length;
    }
    return { group, isLast: false };
  };
  const first = nextGroup();
  if (first.isLast) return first.group;
  return async (sink) => {
    for (let next = first; !sink.signal.aborted; next = nextGroup()) {
      const hasRoom = sink.write(next.group);
      if (next.isLast) return;
      if (!hasRoom) await sink.drained();
    }
  };
}
