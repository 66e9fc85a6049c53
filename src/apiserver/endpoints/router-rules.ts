import type { HttpRequest } from "../../component-base/http.ts";
import { methodNotAllowed, noSuchResource } from "../../apimachinery/errors/new.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import { protobufType } from "./serializer.ts";

// Upstream serves built-in resources, and documents about them, through a router that knows paths, methods and media types, and
// refuses what does not fit before anybody looks closer. All else is served by whoever has the path.

/** What is said to be produced where API objects are. */
const objectTypes: readonly string[] = ["application/json", "application/yaml", protobufType];
/** The same where they may be watched. */
const listTypes: readonly string[] = [...objectTypes, "application/json;stream=watch", `${protobufType};stream=watch`];

/** What the router thinks a built-in resource, or a subresource of it, produces. */
export function producedBy(verb: string): readonly string[] {
  return verb === "list" || verb === "watch" ? listTypes : objectTypes;
}

/** Throws NotAcceptable where no clause names a type that is produced, or any. Other wildcards name none. */
export function checkAcceptable(accept: string | undefined, produced: readonly string[]): void {
  if (!accept || accept === "*/*") return;
  const named = accept.split(",").map((clause) => clause.split(";", 1)[0]?.trim() ?? "");
  if (named.some((type) => type === "*/*" || produced.includes(type))) return;
  const message = `406: Not Acceptable\n\nAvailable representations: ${produced.join(", ")}`;
  throw new StatusError({ code: 406, reason: "NotAcceptable", message, details: {} });
}

/** True for the router's paths, whether there is something at them or not. */
export function isRouted(path: string, builtInGroups: ReadonlySet<string>): boolean {
  const [root, group = "", version] = path.split("/").filter(Boolean);
  if (root === "version" || root === "api") return true;
  if (root !== "apis") return false;
  // Documents of groups are told by whoever puts all servers' groups together, but for its own group.
  return version === undefined ? group === "apiregistration.k8s.io" : builtInGroups.has(group);
}

/** What the router says of a document that is, or is not, at one of its paths. */
export function checkDocument(http: HttpRequest, isThere: boolean): void {
  if (!isThere) throw noSuchResource();
  if (http.method !== "GET") throw methodNotAllowed();
  const { path, headers } = http;
  checkAcceptable(headers.accept, path.startsWith("/version") ? ["application/json"] : objectTypes);
}
