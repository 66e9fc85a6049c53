import type { Container, Pod, PodSpec } from "../../api/core/v1/types.gen.ts";

/** A pod as the API server would hand it out, for tests of pure functions. */
export function testPod(spec: Partial<PodSpec> = {}, metadata: Partial<Pod["metadata"]> = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p",
      namespace: "default",
      uid: "uid-p",
      resourceVersion: "1",
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...metadata,
    },
    spec: { containers: [testContainer()], ...spec },
    status: {},
  };
}

export function testContainer(fields: Partial<Container> = {}): Container {
  return { name: "main", image: "busybox:1.36", resources: {}, ...fields };
}
