import assert from "node:assert/strict";
import { test } from "node:test";

import { parseGoUrl } from "./go-url.ts";

void test("a URL is taken apart as Go does it", () => {
  assert.deepEqual(parseGoUrl("HTTPS://u:p@host:8443/a/b?c=d#e"), {
    scheme: "https",
    user: "u:p",
    host: "host:8443",
    path: "/a/b",
    query: "c=d",
    fragment: "e",
  });
  const empty = { scheme: "", user: undefined, host: "", path: "", query: "", fragment: "" };
  assert.deepEqual(parseGoUrl("host/path"), { ...empty, path: "host/path" });
  assert.deepEqual(parseGoUrl("//host/path"), { ...empty, host: "host", path: "/path" });
  assert.deepEqual(parseGoUrl("mailto:x@y"), { ...empty, scheme: "mailto" });
  assert.deepEqual(parseGoUrl("https://[::1]:80/"), { ...empty, scheme: "https", host: "[::1]:80", path: "/" });
});

void test("what is no URL is told in Go's words", () => {
  const cases = {
    "::": 'parse "::": missing protocol scheme',
    "a\n": 'parse "a\\n": net/url: invalid control character in URL',
    "1a:b": 'parse "1a:b": first path segment in URL cannot contain colon',
    "https://host:port": 'parse "https://host:port": invalid port ":port" after host',
    "https://a b": 'parse "https://a b": invalid character " " in host name',
    "https://[::1": "parse \"https://[::1\": missing ']' in host",
    "https://h/%zz": 'parse "https://h/%zz": invalid URL escape "%zz"',
  };
  for (const [text, error] of Object.entries(cases)) assert.deepEqual(parseGoUrl(text), { error });
});
