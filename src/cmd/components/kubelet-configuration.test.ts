import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";

import { UsageError } from "../arguments.ts";
import { checkNodeLabels, readClusterKubeletConfiguration, readKubeletConfiguration } from "./kubelet-configuration.ts";

const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

async function withFiles(files: Readonly<Record<string, string>>, body: (directory: string) => Promise<void>) {
  const directory = await mkdtemp(path.join(tmpdir(), "k8ts-kubelet-config-"));
  try {
    await mkdir(path.join(directory, "d"));
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(directory, name), head + text);
    await body(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("drop-ins count more than the file, later names more than earlier ones, and flags more than all", async () => {
  const files = {
    "config.yaml": "maxPods: 10\npodsPerCore: 1\nclusterDomain: one.local\nkubeReserved: { cpu: 100m }\n",
    "d/20-b.conf": "maxPods: 30\nclusterDomain: three.local\n",
    "d/10-a.conf": "maxPods: 20\nkubeReserved: { memory: 1Gi }\n",
    "d/ignored.yaml": "noField: of mine\n",
  };
  await withFiles(files, async (directory) => {
    const configuration = await readKubeletConfiguration({
      config: path.join(directory, "config.yaml"),
      "config-dir": path.join(directory, "d"),
      "cluster-domain": "four.local",
      "node-status-update-frequency": 4_000,
      "register-with-taints": ["a=b:NoSchedule"],
      "client-ca-file": "/ca.crt",
    });
    assert.deepEqual(
      [configuration.maxPods, configuration.podsPerCore, configuration.clusterDomain, configuration.kubeReserved],
      [30, 1, "four.local", { cpu: "100m", memory: "1Gi" }],
    );
    assert.equal(configuration.nodeStatusUpdateFrequency, "4s");
    assert.deepEqual(configuration.registerWithTaints, [{ key: "a", value: "b", effect: "NoSchedule" }]);
    assert.equal(configuration.authentication.x509.clientCAFile, "/ca.crt");
  });
});

test("a file that is wrong is named, with what is wrong", async () => {
  await assert.rejects(readKubeletConfiguration({ "max-pods": -1 }), (error) => {
    assert.ok(error instanceof UsageError);
    const problem = "invalid configuration: maxPods (--max-pods) -1 must not be a negative number";
    return error.message === `failed to validate kubelet configuration, error: ${problem}`;
  });
  await withFiles({ twice: "maxPods: 1\nmaxPods: 2\n", unknown: "pods: 3\n" }, async (directory) => {
    for (const [name, problem] of [
      ["twice", /strict decoding error: yaml: unmarshal errors:\n  line 4: key "maxPods" already set in map/],
      ["unknown", /strict decoding error: unknown field "pods"/],
    ] as const) {
      const config = path.join(directory, name);
      await assert.rejects(readKubeletConfiguration({ config }), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, problem);
        return error.message.startsWith(`failed to load kubelet config file, path: ${config}, error: `);
      });
    }
  });
});

test("a cluster settles where everything is, and a file may not say otherwise", async () => {
  const files = { own: "maxPods: 7\n", foreign: "authentication: { x509: { clientCAFile: /ca.crt } }\n" };
  await withFiles(files, async (directory) => {
    const own = { port: 10_251, clusterDNS: ["10.0.0.1"] };
    const configuration = await readClusterKubeletConfiguration({ config: path.join(directory, "own") }, own);
    assert.deepEqual([configuration.port, configuration.clusterDNS, configuration.maxPods], [10_251, ["10.0.0.1"], 7]);
    await assert.rejects(
      readClusterKubeletConfiguration({ config: path.join(directory, "foreign") }, own),
      /authentication\.x509\.clientCAFile of the kubelet's configuration is settled by the cluster/,
    );
  });
});

test("labels that are not a kubelet's to give are refused before the API server does", () => {
  checkNodeLabels({ tier: "gold", "topology.kubernetes.io/zone": "a", "x.node.kubernetes.io/y": "z" });
  assert.throws(
    () => checkNodeLabels({ tier: "gold", "node-role.kubernetes.io/worker": "", "b.k8s.io/a": "" }),
    /^UsageError: unknown 'kubernetes\.io' or 'k8s\.io' labels specified with --node-labels: \[b\.k8s\.io\/a node-role\.kubernetes\.io\/worker\]\n/,
  );
});
