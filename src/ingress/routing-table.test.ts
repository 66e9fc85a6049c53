import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { Ingress } from "../api/networking/v1/types.gen.ts";
import { parseRequestTarget } from "./request-target.ts";
import { createRoutingTable } from "./routing-table.ts";

interface Rule {
  readonly host: string;
  readonly path: string;
  readonly pathType: "Exact" | "Prefix" | "ImplementationSpecific";
}

interface Case {
  readonly rules: readonly Rule[];
  readonly hasDefault: boolean;
}

function ingress(n: number, { rules, hasDefault }: Case): Ingress {
  const backend = (service: string) => ({ service: { name: service, port: { number: 80 } } });
  return {
    metadata: { namespace: "ns", name: `i-${n}`, creationTimestamp: `2026-01-01T00:00:${10 + n}Z` },
    spec: {
      ...(hasDefault ? { defaultBackend: backend(`${n}-default`) } : {}),
      rules: rules.map(({ host, path, pathType }, i) => ({
        ...(host === "" ? {} : { host }),
        http: { paths: [{ path, pathType, backend: backend(`${n}-${i}`) }] },
      })),
    },
  } as unknown as Ingress;
}

const segments = (path: string): readonly string[] => path.replace(/\/+$/, "").split("/").slice(1);

/** From the words of the API: looks at every rule, and knows nothing of maps. */
function model(cases: readonly Case[], host: string, path: string): string | undefined {
  const rank = (pattern: string): number => {
    if (pattern === "") return 1;
    if (pattern === host) return 3;
    if (!pattern.startsWith("*.")) return 0;
    const labels = host.split(".");
    return labels.length > 1 && labels[0] !== "" && labels.slice(1).join(".") === pattern.slice(2) ? 2 : 0;
  };
  const all = cases.flatMap(({ rules }, n) => rules.map((rule, i) => ({ ...rule, n, name: `${n}-${i}` })));
  const best = Math.max(1, ...all.map((rule) => rank(rule.host)));
  const ofHost = all.filter((rule) => rank(rule.host) === best);
  const matching = ofHost.filter(({ pathType, path: pattern }) => {
    if (pathType === "Exact") return pattern === path;
    const [wanted, given] = [segments(pattern), segments(path)];
    return wanted.every((segment, i) => segment === given[i]);
  });
  // An exact path is as long as a path can be.
  const length = (rule: Rule): number =>
    rule.pathType === "Exact" ? Number.POSITIVE_INFINITY : segments(rule.path).join("/").length;
  const [first] = matching
    .map((rule, order) => ({ rule, order }))
    .sort((a, b) => length(b.rule) - length(a.rule) || a.order - b.order);
  if (first) return first.rule.name;
  const isForAll = ({ rules }: Case): boolean => rules.length === 0 || rules.some((rule) => rule.host === "");
  const ownDefault = best > 1 ? ofHost.find(({ n }) => cases[n]?.hasDefault)?.n : undefined;
  const fallback = ownDefault ?? cases.findIndex((c) => c.hasDefault && isForAll(c));
  return fallback < 0 ? undefined : `${fallback}-default`;
}

const hosts = ["", "a.io", "b.io", "*.a.io", "x.a.io", "*.x.a.io", "*.io"];
const paths = ["/", "/a", "/a/", "/a/b", "/a/b/", "/ab", "/a/bb", "/a/b/c", "/b"];
const asked = [...hosts.slice(1).map((h) => h.replace("*", "y")), "z.io", "io", "", "y.z.a.io"];

test("routes equal a model's, whatever the Ingresses", () => {
  const rule = fc.record({
    host: fc.constantFrom(...hosts),
    path: fc.constantFrom(...paths),
    pathType: fc.constantFrom("Exact" as const, "Prefix" as const, "ImplementationSpecific" as const),
  });
  const cases = fc.array(fc.record({ rules: fc.array(rule, { maxLength: 5 }), hasDefault: fc.boolean() }), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(cases, (generated) => {
      const table = createRoutingTable(generated.map((c, n) => ingress(n, c)).reverse());
      for (const host of asked) {
        for (const path of [...paths, "/a//b", "/c", "/a/b/c/d"]) {
          assert.equal(table.match(host, path)?.service?.name, model(generated, host, path), `${host} ${path}`);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("examples of the documentation", () => {
  const matches = (path: string, pathType: Rule["pathType"], request: string): boolean =>
    createRoutingTable([ingress(0, { rules: [{ host: "", path, pathType }], hasDefault: false })]).match(
      "h",
      request,
    ) !== undefined;
  const table: readonly (readonly [Rule["pathType"], string, string, boolean])[] = [
    ["Prefix", "/", "/anything/at/all", true],
    ["Exact", "/foo", "/foo", true],
    ["Exact", "/foo", "/bar", false],
    ["Exact", "/foo", "/foo/", false],
    ["Exact", "/foo/", "/foo", false],
    ["Prefix", "/foo", "/foo", true],
    ["Prefix", "/foo", "/foo/", true],
    ["Prefix", "/foo/", "/foo", true],
    ["Prefix", "/foo/", "/foo/", true],
    ["Prefix", "/aaa/bb", "/aaa/bbb", false],
    ["Prefix", "/aaa/bbb", "/aaa/bbb", true],
    ["Prefix", "/aaa/bbb/", "/aaa/bbb", true],
    ["Prefix", "/aaa/bbb", "/aaa/bbb/", true],
    ["Prefix", "/aaa/bbb", "/aaa/bbb/ccc", true],
    ["Prefix", "/aaa/bbb", "/aaa/bbbxyz", false],
  ];
  for (const [pathType, path, request, expected] of table) {
    assert.equal(matches(path, pathType, request), expected, `${pathType} ${path} ${request}`);
  }
});

test("a path of nothing but slashes costs no more than the rules are long", () => {
  const table = createRoutingTable([
    ingress(0, { rules: [{ host: "", path: "/a/b", pathType: "Prefix" }], hasDefault: false }),
  ]);
  const start = performance.now();
  for (let i = 0; i < 1000; i++) assert.equal(table.match("h", "/".repeat(30_000)), undefined);
  assert.ok(performance.now() - start < 1000);
});

test("targets are matched by what a backend would make of them", () => {
  const path = (target: string): string | undefined => parseRequestTarget(target, "h")?.path;
  for (const [target, expected] of [
    ["/a?b=/../c", "/a"],
    ["/public/../admin", "/admin"],
    ["/public/%2e%2e/admin", "/admin"],
    ["/public%2f..%2fadmin", "/admin"],
    ["/a/./b/.", "/a/b/"],
    ["/../../..", "/"],
    ["/.well-known/x", "/.well-known/x"],
    ["/%zz", undefined],
    ["/a%00b", undefined],
    ["*", undefined],
    ["h:443", undefined],
    ["http://other.io/x?y", "/x"],
    ["http://other.io", "/"],
    ["ftp://other.io/", undefined],
  ] as const) {
    assert.equal(path(target), expected, target);
  }
  assert.equal(parseRequestTarget("http://Other.IO:80/x", "h")?.host, "other.io");
  assert.equal(parseRequestTarget("/", "EXAMPLE.com.:8080")?.host, "example.com");
  assert.equal(parseRequestTarget("/", "[::1]:80")?.host, "::1");
  for (const host of ["a b", "a@b", "a/b", "a,b", "a:b"]) assert.equal(parseRequestTarget("/", host), undefined, host);
  assert.equal(parseRequestTarget("/", undefined)?.host, "");
});
