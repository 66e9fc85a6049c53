import assert from "node:assert/strict";
import { test } from "node:test";
import type { Service } from "../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import { familyOf } from "./families.ts";
import { servicePorts } from "./service-ports.ts";

const metadata = { namespace: "d", uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z" };

const service: Service = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { ...metadata, name: "s" },
  spec: { clusterIP: "10.96.0.9", clusterIPs: ["10.96.0.9"], ports: [{ port: 80, protocol: "TCP" }] },
  status: { loadBalancer: {} },
};

function slice(name: string, address: string, labels: Readonly<Record<string, string>> = {}): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, name, labels: { "kubernetes.io/service-name": "s", ...labels } },
    addressType: "IPv4",
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: "", port: 8080, protocol: "TCP" }],
  };
}

const endpointsOf = (labels: Readonly<Record<string, string>>, ...slices: EndpointSlice[]): readonly string[] =>
  servicePorts(
    { ...service, metadata: { ...service.metadata, labels } },
    slices,
    { name: "node", zone: undefined },
    familyOf("10.244.0.0/16"),
  ).flatMap((port) => port.endpoints.map((e) => e.ip));

const foreign = { "service.kubernetes.io/service-proxy-name": "x" };
const headless = { "service.kubernetes.io/headless": "" };

test("a Service of another proxy is left alone, and slices labelled as headless Services' lead nowhere", () => {
  const slices = [slice("a", "10.244.0.2"), slice("b", "10.244.0.3", headless), slice("c", "10.244.0.4", foreign)];
  assert.deepEqual(endpointsOf({}, ...slices), ["10.244.0.2", "10.244.0.4"]);
  assert.deepEqual(endpointsOf(headless, ...slices), ["10.244.0.2", "10.244.0.4"]);
  assert.deepEqual(endpointsOf(foreign, ...slices), []);
});
