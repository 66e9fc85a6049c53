import { AdmissionEnvironments } from "../admission/expressions/admission-environment.ts";
import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../api/scheme.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { IpAllocator } from "./core/service/ip-allocator.ts";
import { PortAllocator } from "./core/service/port-allocator.ts";
import { builtinStrategies } from "./strategies.ts";

const scheme = builtinScheme();
const random = new SeededRandom(1);
const strategies = builtinStrategies({
  environments: new AdmissionEnvironments(),
  allocators: {
    clusterIps: new IpAllocator("10.0.0.0/24", random),
    nodePorts: new PortAllocator({ min: 30000, max: 32767, random }),
  },
});
const resources = scheme.groups.flatMap(({ group, versions }) => versions.flatMap((v) => scheme.resources(group, v)));

test("every strategy belongs to a resource", () => {
  const known = new Set(resources.map(({ group, resource }) => `${group}/${resource}`));
  for (const key of Object.keys(strategies)) assert.ok(known.has(key), key);
});

test("every resource with columns of its own prints them", () => {
  for (const { group, resource, columns, persisted } of resources) {
    const names = columns.map((column) => column.name).join();
    if (!persisted || names === "Name,Age" || names === "Name,Created At") continue;
    const strategy = strategies[`${group}/${resource}`] ?? {};
    assert.ok("tableCells" in strategy || group === "events.k8s.io", resource);
  }
});

for (const resource of resources) {
  const key = `${resource.group}/${resource.resource}`;
  const isStorageVersion = resource.storage.group === resource.group && resource.storage.version === resource.version;
  const strategy = isStorageVersion ? strategies[key] : undefined;
  if (!strategy) continue;
  test(`an empty ${resource.kind} has a cell for each column and a value for each field selector`, () => {
    const kind = scheme.kind(resource.group, resource.version, resource.kind);
    // Stored pods and templates have containers, which validation sees to.
    const template = { spec: { containers: [] } };
    const spec = { containers: [], template, jobTemplate: { spec: { template } } };
    const value = { template, spec, apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { name: "x" } };
    const object: KubeObject = kind?.decode(value).object as KubeObject;
    const cells = strategy.tableCells?.(object, 0);
    // Upstream's rows of addresses end with an age that has no column.
    const others = resource.kind === "IPAddress" ? 1 : 0;
    if (cells) assert.equal(cells.length, resource.columns.length + others);
    for (const cell of cells ?? [])
      assert.ok(["string", "number", "boolean"].includes(typeof cell), JSON.stringify(cells));
    const fields = new Set([
      "metadata.name",
      "metadata.namespace",
      ...Object.keys(strategy.selectableFields?.(object) ?? {}),
    ]);
    for (const field of resource.fieldSelectors) assert.ok(fields.has(field), field);
  });
}
