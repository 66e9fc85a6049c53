import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import { singleContextKubeconfig, type UserInfo } from "../../src/client/clientcmd/kubeconfig.ts";
import { SystemClock } from "../../src/component-base/clock.ts";
import { silentLogger } from "../../src/component-base/logger.ts";
import { writeKubeconfig } from "../../src/cmd/kubeconfig.ts";
import { setUpPodNetwork, writeCniConfig } from "../../src/node/cni.ts";
import { ContainerdProcess } from "../../src/node/containerd/containerd-process.ts";
import type { ComponentStatusList } from "../../src/api/core/v1/types.gen.ts";
import { exec, type ExecResult } from "../../src/node/exec.ts";
import { buildBusyboxImage, buildPauseImage } from "../../src/node/images/built-in-images.ts";
import { ImageImporter } from "../../src/node/images/image-import.ts";
import { ensureNodeAddress } from "../../src/node/node-address.ts";
import { removeLeftovers } from "../../src/node/leftovers.ts";
import { ensureClusterPki } from "../../src/node/pki/cluster-pki.ts";
import { enterWorld, eventually } from "./world.ts";

// Each component by itself, by upstream's flags and a kubeconfig of its own, as kubeadm would start upstream's.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox"]);
const image = "k8ts.local/busybox:1";
// What ensureNodeAddress puts on the loopback link.
const nodeIp = "198.18.0.1";
const command = `${import.meta.dirname}/../../src/cmd/main.ts`;

describe("components alone", { skip: typeof world === "string" ? world : false }, () => {
  if (typeof world === "string") return;
  const { directory } = world;
  const clock = new SystemClock();
  const network = {
    name: "alone",
    clusterCidr: "10.244.0.0/16",
    serviceCidr: "10.96.0.0/12",
    nodeIp,
    configDirectory: `${directory}/cni`,
    dataDirectory: `${directory}/addresses`,
  };
  const containerd = new ContainerdProcess({
    directory: `${directory}/containerd`,
    cniBinDirectory: world.cniBinDirectory,
    cniConfigDirectory: network.configDirectory,
    clock,
    logger: silentLogger,
  });
  const running: ChildProcess[] = [];
  const pki = `${directory}/pki`;

  const start = (...args: readonly string[]): void => {
    const log = openSync(`${directory}/${args[0]}.log`, "a");
    running.push(spawn(process.execPath, [command, ...args], { stdio: ["ignore", log, log] }));
    closeSync(log);
  };
  const kubectl = (...args: readonly string[]): Promise<ExecResult> =>
    exec("kubectl", args, {
      env: { PATH: process.env["PATH"] ?? "", HOME: directory, KUBECONFIG: `${directory}/admin` },
    });
  const run = async (...args: readonly string[]): Promise<string> => {
    const result = await kubectl(...args);
    assert.equal(result.exitCode, 0, `kubectl ${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  };
  const kubeconfig = (name: string, user: UserInfo): Promise<void> =>
    writeKubeconfig(
      `${directory}/${name}`,
      singleContextKubeconfig({
        name: "alone",
        cluster: { server: "https://127.0.0.1:6443", "certificate-authority": `${pki}/server-ca.crt` },
        user,
      }),
    );
  const pair = (name: string): UserInfo => ({
    "client-certificate": `${pki}/${name}.crt`,
    "client-key": `${pki}/${name}.key`,
  });

  before(async () => {
    await ensureClusterPki({
      directory: pki,
      nodeNames: ["unused"],
      servingNodes: [{ name: "n1", addresses: [nodeIp] }],
      apiServerAddresses: ["10.96.0.1"],
      apiServerNames: [],
      nowMs: Date.now(),
    });
    await kubeconfig("admin", pair("admin"));
    await kubeconfig("controller-manager", pair("controller-manager"));
    await kubeconfig("scheduler", pair("scheduler"));
    await kubeconfig("proxy", pair("kube-proxy"));
    await kubeconfig("bootstrap", { token: "abcdef.0123456789abcdef" });
    await containerd.start();
    await using importer = new ImageImporter(containerd.paths.socket);
    for (const built of [buildPauseImage(), await buildBusyboxImage(image)]) await importer.import(built);
    await ensureNodeAddress();
    await setUpPodNetwork(network);
  });

  after(async () => {
    // The API server last: the others hand back their leases.
    for (const child of running.toReversed()) {
      if (child.exitCode !== null) continue;
      const ended = new Promise((resolve) => child.once("close", resolve));
      child.kill();
      await ended;
    }
    await removeLeftovers({
      directories: [`${directory}/containerd`, `${directory}/kubelet`],
      containerdDirectory: `${directory}/containerd`,
      cgroupRoot: `${world.cgroupRoot}/alone`,
      networkName: network.name,
      ranges: network,
      pidFiles: [],
      nftTables: [{ family: "ip", name: "kube-proxy" }],
      clock,
      logger: silentLogger,
    });
  });

  test("an unknown flag is refused as upstream does, with exit code 2", async () => {
    for (const component of ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"]) {
      const { exitCode, stderr } = await exec(process.execPath, [command, component, "--no-such-flag"]);
      assert.equal(exitCode, 2, component);
      assert.match(stderr, /unknown flag: --no-such-flag/);
    }
  });

  test("kube-apiserver serves", async () => {
    start(
      "kube-apiserver",
      `--data-dir=${directory}/store`,
      `--tls-cert-file=${pki}/apiserver.crt`,
      `--tls-private-key-file=${pki}/apiserver.key`,
      `--client-ca-file=${pki}/client-ca.crt`,
      `--service-account-key-file=${pki}/sa.pub`,
      `--service-account-signing-key-file=${pki}/sa.key`,
      "--service-account-issuer=https://alone.example",
      "--service-cluster-ip-range=10.96.0.0/12",
      `--advertise-address=${nodeIp}`,
      `--kubelet-certificate-authority=${pki}/server-ca.crt`,
      `--kubelet-client-certificate=${pki}/apiserver-kubelet-client.crt`,
      `--kubelet-client-key=${pki}/apiserver-kubelet-client.key`,
      "--authorization-mode=Node,RBAC",
      "--v=2",
    );
    await eventually("it is ready", async () => (await kubectl("get", "--raw", "/readyz")).exitCode === 0, 20_000);
    const config = JSON.parse(await run("get", "--raw", "/.well-known/openid-configuration")) as {
      readonly issuer: string;
    };
    assert.equal(config.issuer, "https://alone.example");
  });

  test("kube-controller-manager and kube-scheduler work, elected", async () => {
    start(
      "kube-controller-manager",
      `--kubeconfig=${directory}/controller-manager`,
      `--root-ca-file=${pki}/server-ca.crt`,
      `--cluster-signing-cert-file=${pki}/client-ca.crt`,
      `--cluster-signing-key-file=${pki}/client-ca.key`,
      "--allocate-node-cidrs=true",
      "--cluster-cidr=10.244.0.0/16",
      "--use-service-account-credentials=true",
      "--controllers=*,-persistentvolume-binder-controller",
      "--node-monitor-grace-period=40s",
    );
    start("kube-scheduler", `--kubeconfig=${directory}/scheduler`);
    await eventually(
      "both hold their leases",
      async () => {
        const holders = (await kubectl("get", "leases", "-n", "kube-system", "-o", "name")).stdout;
        return holders.includes("kube-controller-manager") && holders.includes("kube-scheduler");
      },
      20_000,
    );
    const { items } = JSON.parse(await run("get", "componentstatuses", "-o", "json")) as ComponentStatusList;
    assert.deepEqual(
      items.map(
        ({ metadata, conditions }) => `${metadata?.name} ${conditions?.[0]?.status} ${conditions?.[0]?.message}`,
      ),
      ["controller-manager True ok", "etcd-0 True ok", "scheduler True ok"],
    );
    await eventually(
      "default ServiceAccount",
      async () => (await kubectl("get", "serviceaccount", "default")).exitCode === 0,
      20_000,
    );
  });

  test("the kubelet gets its certificate by a bootstrap token and becomes Ready", async () => {
    const manifest = `${directory}/bootstrap.yaml`;
    const binding = (name: string, role: string, group: string): string => `---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: ${name} }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "${role}" }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: Group, name: "${group}" }]
`;
    const requests = "system:certificates.k8s.io:certificatesigningrequests";
    await writeFile(
      manifest,
      `apiVersion: v1
kind: Secret
metadata: { name: bootstrap-token-abcdef, namespace: kube-system }
type: bootstrap.kubernetes.io/token
stringData: { token-id: abcdef, token-secret: 0123456789abcdef, usage-bootstrap-authentication: "true" }
${binding("bootstrap", "system:node-bootstrapper", "system:bootstrappers")}${binding("approve", `${requests}:nodeclient`, "system:bootstrappers")}`,
    );
    await run("apply", "-f", manifest);
    const config = `${directory}/kubelet.yaml`;
    await writeFile(
      config,
      `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 20
clusterDNS: [10.96.0.10]
clusterDomain: alone.local
authentication: { x509: { clientCAFile: ${pki}/client-ca.crt } }
nodeStatusUpdateFrequency: 2s
`,
    );
    start(
      "kubelet",
      `--config=${config}`,
      `--kubeconfig=${directory}/kubelet-kubeconfig`,
      `--bootstrap-kubeconfig=${directory}/bootstrap`,
      `--cert-dir=${directory}/kubelet-pki`,
      `--container-runtime-endpoint=unix://${containerd.paths.socket}`,
      `--root-dir=${directory}/kubelet`,
      `--cgroup-root=${world.cgroupRoot}/alone`,
      "--hostname-override=n1",
      `--node-ip=${nodeIp}`,
      `--tls-cert-file=${pki}/kubelet-serving-n1.crt`,
      `--tls-private-key-file=${pki}/kubelet-serving-n1.key`,
      "--node-labels=tier=gold",
      "--register-with-taints=dedicated=yes:PreferNoSchedule",
    );
    let podCidr = "";
    await eventually(
      "the node has a range of pod addresses",
      async () => {
        podCidr = (await kubectl("get", "node", "n1", "-o", "jsonpath={.spec.podCIDR}")).stdout;
        return podCidr !== "";
      },
      30_000,
    );
    await writeCniConfig(network, podCidr);
    await run("wait", "--for=condition=Ready", "node/n1", "--timeout=30s");
    assert.match(await run("get", "node", "n1", "-o", "jsonpath={.metadata.labels}"), /"tier":"gold"/);
    assert.match(await run("get", "node", "n1", "-o", "jsonpath={.spec.taints}"), /"dedicated"/);
    assert.equal(await run("get", "node", "n1", "-o", "jsonpath={.status.capacity.pods}"), "20");
    assert.match(await readFile(`${directory}/kubelet-kubeconfig`, "utf8"), /kubelet-client-current\.crt/);
  });

  test("a pod runs, is reached by exec, and with kube-proxy through its Service", async () => {
    start("kube-proxy", `--kubeconfig=${directory}/proxy`, "--cluster-cidr=10.244.0.0/16", "--hostname-override=n1");
    await run(
      "run",
      "web",
      `--image=${image}`,
      "--port=8080",
      "--command",
      "--",
      "sh",
      "-c",
      "mkdir /www; echo page > /www/index.html; exec httpd -f -p 8080 -h /www",
    );
    await run("wait", "--for=condition=Ready", "pod/web", "--timeout=40s");
    assert.match(await run("exec", "web", "--", "cat", "/etc/resolv.conf"), /alone\.local/);
    await run("expose", "pod", "web", "--port=80", "--target-port=8080");
    const ip = await run("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
    await eventually("the Service answers", async () => {
      const { stdout } = await exec("busybox", ["timeout", "2", "busybox", "wget", "-q", "-O", "-", `http://${ip}/`]);
      return stdout === "page\n";
    });
    await run("delete", "pod", "web", "--grace-period=1");
  });
});
