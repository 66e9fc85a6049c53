import { goQuote } from "./go-format.ts";

/** A URL as Go takes it apart: it may lack anything, and what stands in for an error is upstream's text. */
export interface GoUrl {
  readonly scheme: string;
  /** `user:password`; undefined without an `@`. */
  readonly user: string | undefined;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly fragment: string;
}

/** Relative references are URLs, too. `error` is the whole text of what is none. */
export function parseGoUrl(text: string): GoUrl | { readonly error: string } {
  const failed = (why: string): { readonly error: string } => ({ error: `parse ${goQuote(text)}: ${why}` });
  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there.
  if (/[\u0000-\u001f\u007f]/.test(text)) return failed("net/url: invalid control character in URL");
  const [beforeFragment = "", ...fragments] = text.split("#");
  const [beforeQuery = "", ...queries] = beforeFragment.split("?");
  const [scheme, rest] = splitScheme(beforeQuery);
  if (scheme === undefined) return failed("missing protocol scheme");
  const parts = { scheme: scheme.toLowerCase(), query: queries.join("?"), fragment: fragments.join("#") };
  if (!rest.startsWith("/")) {
    // `mailto:x` says nothing of a host.
    if (scheme !== "") return { ...parts, user: undefined, host: "", path: "" };
    if (rest.split("/")[0]?.includes(":")) return failed("first path segment in URL cannot contain colon");
  }
  const hasHost = rest.startsWith("//") && (scheme !== "" || !rest.startsWith("///"));
  const authority = hasHost ? (rest.slice(2).split("/")[0] ?? "") : "";
  const path = hasHost ? rest.slice(2 + authority.length) : rest;
  const at = authority.lastIndexOf("@");
  const host = authority.slice(at + 1);
  const why = wrongHost(host) ?? wrongEscape(path);
  if (why !== undefined) return failed(why);
  return { ...parts, user: at < 0 ? undefined : authority.slice(0, at), host, path };
}

/** The scheme is undefined where there is a colon with nothing before it. */
function splitScheme(text: string): readonly [scheme: string | undefined, rest: string] {
  if (text.startsWith(":")) return [undefined, text];
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text);
  return match ? [match[1] ?? "", text.slice(match[0].length)] : ["", text];
}

function wrongHost(host: string): string | undefined {
  const port = /^(?:\[[^\]]*\]|[^:]*)(:.*)?$/.exec(host)?.[1] ?? "";
  if (host.startsWith("[") && !host.includes("]")) return "missing ']' in host";
  if (port !== "" && !/^:[0-9]*$/.test(port)) return `invalid port ${goQuote(port)} after host`;
  const bad = /[ "<>^`{|}\\]/.exec(host)?.[0];
  return bad === undefined ? wrongEscape(host) : `invalid character ${goQuote(bad)} in host name`;
}

function wrongEscape(text: string): string | undefined {
  const bad = /%(?![0-9A-Fa-f]{2}).{0,2}/u.exec(text)?.[0];
  return bad === undefined ? undefined : `invalid URL escape ${goQuote(bad)}`;
}
