import assert from "node:assert/strict";
import { test } from "node:test";

import type { Pod } from "../../api/core/v1/types.gen.ts";
import { podRequests } from "./pod-requests.ts";

type Requests = Readonly<Record<string, string>>;

function pod(spec: Requests, allocated?: Requests, actual?: Requests, reason?: string): Pod {
  const status = {
    containerStatuses: [
      { name: "c", ...(allocated ? { allocatedResources: allocated } : {}), resources: { requests: actual } },
    ],
    ...(reason ? { conditions: [{ type: "PodResizePending", status: "True", reason }] } : {}),
  };
  return {
    metadata: { name: "p", namespace: "n" },
    spec: { containers: [{ name: "c", resources: { requests: spec } }] },
    status,
  } as unknown as Pod;
}

test("during a resize the most of what is asked for, allocated and in use counts", () => {
  const table: readonly [string, Pod, number][] = [
    ["no status", pod({ cpu: "1" }), 1000],
    ["at rest", pod({ cpu: "1" }, { cpu: "1" }, { cpu: "1" }), 1000],
    ["growing, not allocated", pod({ cpu: "2" }, { cpu: "1" }, { cpu: "1" }), 2000],
    ["shrinking, not yet seen", pod({ cpu: "1" }, { cpu: "2" }, { cpu: "2" }), 2000],
    ["shrinking, allocated, not yet done", pod({ cpu: "1" }, { cpu: "1" }, { cpu: "2" }), 2000],
    ["deferred", pod({ cpu: "4" }, { cpu: "1" }, { cpu: "1" }, "Deferred"), 4000],
    ["infeasible", pod({ cpu: "4" }, { cpu: "1" }, { cpu: "1" }, "Infeasible"), 1000],
  ];
  for (const [name, subject, milli] of table) assert.equal(podRequests(subject).get("cpu"), milli, name);
});
