import assert from "node:assert/strict";
import { test } from "node:test";
import type { Pod, PodStatus } from "../../api/core/v1/types.gen.ts";
import { builtinScheme } from "../../api/scheme.ts";
import { applyStrategicMergePatch } from "../../apimachinery/patch/strategic-merge.ts";
import { defined } from "../../component-base/assert.ts";
import { testPod } from "../testing/pods.ts";
import { isOwnChange, statusPatch } from "./status-patch.ts";

const pod = defined(builtinScheme().kind("", "v1", "Pod"), "kind Pod");

/** What the server would have after the patch. */
function patched(current: PodStatus, wanted: PodStatus): PodStatus | undefined {
  const patch = statusPatch("u", current, wanted);
  if (patch === undefined) return undefined;
  const object = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", uid: "u" },
    spec: { containers: [] },
    status: current,
  };
  const value = applyStrategicMergePatch(JSON.parse(JSON.stringify(object)), patch, pod.patchSchema);
  const { object: decoded } = pod.decode(value);
  return (decoded as unknown as { status: PodStatus }).status;
}

const before: PodStatus = {
  phase: "Running",
  podIP: "10.0.0.1",
  podIPs: [{ ip: "10.0.0.1" }],
  hostIP: "192.0.2.1",
  hostIPs: [{ ip: "192.0.2.1" }],
  reason: "Old",
  conditions: [
    {
      type: "Ready",
      status: "False",
      reason: "ContainersNotReady",
      message: "…",
      lastTransitionTime: "2026-01-01T00:00:00Z",
    },
    { type: "Initialized", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" },
    { type: "example.com/gate", status: "True" },
  ],
  containerStatuses: [
    {
      name: "a",
      state: { waiting: { reason: "X" } },
      lastState: {},
      ready: false,
      restartCount: 0,
      image: "i",
      imageID: "",
    },
  ],
};

test("the patch turns one status into the other, whatever changed, and leaves foreign conditions alone", () => {
  const after: PodStatus = {
    phase: "Running",
    podIP: "10.0.0.2",
    podIPs: [{ ip: "10.0.0.2" }],
    hostIP: "192.0.2.1",
    hostIPs: [{ ip: "192.0.2.1" }],
    conditions: [
      { type: "Ready", status: "True", lastTransitionTime: "2026-01-02T00:00:00Z" },
      { type: "Initialized", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z" },
    ],
    containerStatuses: [
      {
        name: "a",
        state: { running: { startedAt: "2026-01-02T00:00:00Z" } },
        lastState: {},
        ready: true,
        restartCount: 0,
        image: "i",
        imageID: "x",
        resources: {},
      },
    ],
  };
  const result = patched(before, after);
  const { conditions: _, ...rest } = result ?? {};
  const { conditions: __, ...wanted } = after;
  assert.deepEqual(rest, wanted);
  assert.deepEqual(
    // The server writes absent times as null.
    result?.conditions
      ?.map((c) => Object.fromEntries(Object.entries(c).filter(([, value]) => value !== null)))
      .sort((a, b) => String(a["type"]).localeCompare(String(b["type"]))),
    [...(after.conditions ?? []), { type: "example.com/gate", status: "True" }].sort((a, b) =>
      a.type.localeCompare(b.type),
    ),
  );
  // What the server has now needs no further patch: writes come to rest.
  assert.equal(statusPatch("u", result ?? {}, after), undefined);
});

test("nothing changed, no patch", () => {
  assert.equal(patched(before, before), undefined);
});

test("what resources no longer have is taken out", () => {
  const before = { resources: { requests: { cpu: "1", "ephemeral-storage": "1Gi" }, limits: { cpu: "1" } } };
  assert.deepEqual(statusPatch("u", before, { resources: { requests: { cpu: "1" } } }), {
    metadata: { uid: "u" },
    status: { resources: { requests: { cpu: "1", "ephemeral-storage": null }, limits: null } },
  });
});

test("only what a pod's node agent writes itself is no reason for it to look again", () => {
  const known = { ...testPod({}, { labels: { app: "a" }, resourceVersion: "7" }), status: before };
  const changed = (change: Partial<Pod>): boolean =>
    isOwnChange(known, {
      ...known,
      ...change,
      metadata: { ...(change.metadata ?? known.metadata), resourceVersion: "8" },
    });
  assert.equal(changed({}), true);
  assert.equal(changed({ metadata: { ...known.metadata, managedFields: [{ manager: "kubelet" }] } }), true);
  assert.equal(changed({ status: { ...before, phase: "Failed", podIPs: [], containerStatuses: [] } }), true);
  const conditions = (before.conditions ?? []).map((c) => ({ ...c, status: "Unknown" }));
  assert.equal(changed({ status: { ...before, conditions: conditions.filter((c) => !c.type.includes("/")) } }), false);
  assert.equal(changed({ status: { ...before, conditions } }), false);
  const ownConditions = (before.conditions ?? []).map((c) => (c.type.includes("/") ? c : { ...c, status: "Unknown" }));
  assert.equal(changed({ status: { ...before, conditions: ownConditions } }), true);
  assert.equal(changed({ status: { ...before, resourceClaimStatuses: [{ name: "claim" }] } }), false);
  assert.equal(changed({ metadata: { ...known.metadata, labels: { app: "b" } } }), false);
  assert.equal(changed({ spec: { ...known.spec, activeDeadlineSeconds: 1 } }), false);
});
