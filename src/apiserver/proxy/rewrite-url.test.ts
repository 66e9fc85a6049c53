import assert from "node:assert/strict";
import { test } from "node:test";
import { rewriteHtml } from "./rewrite-html.ts";
import { rewriteUrl } from "./rewrite-url.ts";

const pathPrefix = "/api/v1/namespaces/ns/services/web/proxy";
const place = { backendHost: "10.0.0.1:8080", requestHost: "api:6443", pathPrefix };

test("links to the proxied server lead through the proxy, all others stay", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["/login", `${pathPrefix}/login`],
    ["/a/?q=/x#f", `${pathPrefix}/a/?q=/x#f`],
    ["/", `${pathPrefix}/`],
    ["/a/../b", `${pathPrefix}/b`],
    ["http://10.0.0.1:8080/a", `${pathPrefix}/a`],
    ["//10.0.0.1:8080/a?b", `${pathPrefix}/a?b`],
    ["https://api:6443/a?b", `https://api:6443${pathPrefix}/a?b`],
    [`${pathPrefix}/done`, `${pathPrefix}/done`],
    ["http://elsewhere/a", "http://elsewhere/a"],
    ["relative/a", "relative/a"],
    ["?q=1", "?q=1"],
    ["#top", "#top"],
    ["mailto:a@b", "mailto:a@b"],
    ["http://10.0.0.1:8080", "http://10.0.0.1:8080"],
    ["", ""],
  ];
  for (const [link, expected] of cases) assert.equal(rewriteUrl(link, place), expected, link);
});

test("in HTML, the attributes that are links are rewritten and nothing else is", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['<a href="/x">/x</a>', '<a href="P/x">/x</a>'],
    ["<A class=b HREF='/x?a=1&amp;b=2' >t</A>", "<A class=b HREF='P/x?a=1&amp;b=2' >t</A>"],
    ["<img src=/i.png><img alt=/no src = /j.png>", "<img src=P/i.png><img alt=/no src = P/j.png>"],
    ['<!-- <a href="/x"> --><p title="/x">', '<!-- <a href="/x"> --><p title="/x">'],
    [
      '<script src="/s.js">if (a<b) "<a href=\\"/x\\">"</script><p href="/x">',
      '<script src="P/s.js">if (a<b) "<a href=\\"/x\\">"</script><p href="/x">',
    ],
    ['<textarea><a href="/x"></textarea><a href="/x">', '<textarea><a href="/x"></textarea><a href="P/x">'],
    ['<a data-href="/x" title="a>b" href="/x">', '<a data-href="/x" title="a>b" href="P/x">'],
    ['<html manifest="/m"><body background="/b"><', '<html manifest="P/m"><body background="P/b"><'],
    ['<a href="/x', '<a href="/x'],
    ["a < b and <3", "a < b and <3"],
    ["<a href>", "<a href>"],
  ];
  for (const [html, expected] of cases)
    assert.equal(
      rewriteHtml(html, (link) => (link.startsWith("/") ? `P${link}` : link)),
      expected,
    );
});

test("rewriting takes time in proportion to the document", () => {
  const hostile = ["<a ".repeat(200_000), "<!--".repeat(200_000), "<script>".repeat(100_000), '<a x="'.repeat(100_000)];
  const startedMs = performance.now();
  for (const html of hostile) assert.equal(rewriteHtml(html, (link) => link).length, html.length);
  assert.ok(performance.now() - startedMs < 2000);
});
