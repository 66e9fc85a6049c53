import assert from "node:assert/strict";
import { test } from "node:test";
import {
  emptyKubeconfig,
  KubeconfigError,
  mergeKubeconfigs,
  removeContext,
  resolveContext,
  setKubeconfigEntries,
  singleContextKubeconfig,
} from "./kubeconfig.ts";
import { formatKubeconfig, parseKubeconfig } from "./kubeconfig-file.ts";

const k8ts = singleContextKubeconfig({ name: "k8ts", cluster: { server: "https://a" }, user: { token: "t" } });
const other = singleContextKubeconfig({ name: "other", cluster: { server: "https://b" }, user: {} });

test("a written config reads back the same, unknown fields included", () => {
  const config = { ...k8ts, extensions: [{ name: "x", extension: { y: 1 } }] };
  assert.deepEqual(parseKubeconfig(formatKubeconfig(config)), config);
  assert.deepEqual(parseKubeconfig(""), emptyKubeconfig);
});

test("merging keeps the first of each name; setting replaces it", () => {
  const changed = singleContextKubeconfig({ name: "k8ts", cluster: { server: "https://c" }, user: {} });
  assert.equal(resolveContext(mergeKubeconfigs([k8ts, changed, other])).cluster.server, "https://a");
  const set = setKubeconfigEntries(setKubeconfigEntries(other, k8ts), changed);
  assert.equal(set.clusters.length, 2);
  assert.equal(resolveContext(set).cluster.server, "https://c");
});

test("removing a context removes what only it used", () => {
  const left = removeContext(mergeKubeconfigs([k8ts, other]), "k8ts");
  assert.deepEqual(
    [left.clusters.length, left.users.length, left.contexts.length, left["current-context"]],
    [1, 1, 1, ""],
  );
});

test("what is missing is said", () => {
  assert.throws(() => resolveContext(emptyKubeconfig), KubeconfigError);
  assert.throws(() => resolveContext(k8ts, "nope"), /context "nope" does not exist/);
  assert.throws(() => parseKubeconfig("a: ["), KubeconfigError);
  assert.throws(() => parseKubeconfig("clusters: 3"), KubeconfigError);
  assert.throws(() => parseKubeconfig("kind: Pod"), KubeconfigError);
});
