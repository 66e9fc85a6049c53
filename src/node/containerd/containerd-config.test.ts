import assert from "node:assert/strict";
import { test } from "node:test";

import { effectiveCapabilities } from "../capabilities.ts";
import { containerdConfigText } from "./containerd-config.ts";

const config = {
  directory: "/var/lib/k8ts/containerd",
  socketPath: "/var/lib/k8ts/containerd/containerd.sock",
  cniBinDirectory: "/usr/lib/cni",
  cniConfigDirectory: "/var/lib/k8ts/cni",
  registryConfigDirectory: "/var/lib/k8ts/containerd/certs.d",
  restrictOomScoreAdj: true,
  snapshotter: "overlayfs",
} as const;

test("every path is below the directory, so that nothing is shared with the machine's own containerd", () => {
  const text = containerdConfigText(config);
  for (const [, value] of text.matchAll(/^(?:root|state|address|path|Root|config_path) = "(.*)"$/gm)) {
    assert.ok(value?.startsWith("/var/lib/k8ts/containerd/"), value);
  }
  assert.match(text, /^version = 2$/m);
  assert.match(text, /^\[plugins\."io\.containerd\.grpc\.v1\.cri"\.containerd\.runtimes\.runc\.options\]$/m);
  assert.match(text, /^restrict_oom_score_adj = true$/m);
});

test("a socket path that the kernel would cut is refused", () => {
  const socketPath = `/${"x".repeat(110)}`;
  assert.throws(() => containerdConfigText({ ...config, socketPath }), /socket path too long/);
});

test("effective capabilities are read from the mask", () => {
  const status = "Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t000001fffeffffff\nCapBnd:\t0\n";
  assert.deepEqual([...effectiveCapabilities(status)], ["netAdmin", "sysAdmin"]);
  assert.deepEqual([...effectiveCapabilities("")], []);
});
