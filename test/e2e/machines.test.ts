import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";

import type { NodeList, Pod, PodList } from "../../src/api/core/v1/types.gen.ts";
import { exec, type ExecResult } from "../../src/node/exec.ts";
import { buildBusyboxImage } from "../../src/node/images/built-in-images.ts";
import { layoutTar } from "../../src/node/images/oci-image.ts";
import {
  ensureBridge,
  ensureNodeNamespaces,
  enterArguments,
  type NodeNamespaces,
} from "../../src/node/node-namespaces.ts";
import { enterWorld, eventually, type World } from "./world.ts";
import { webApp } from "./web-app.ts";

// `k8ts server` and `k8ts agent` on machines of their own, which are network namespaces here, once with routes and once with VXLAN.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox", "bridge"]);
const image = "k8ts.local/busybox:1";
const command = `${import.meta.dirname}/../../src/cmd/main.ts`;
const environment = { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/run/world" };

/** A network of its own, with a directory for its cluster's data. */
class Machine {
  readonly name: string;
  readonly ip: string;
  readonly dataDir: string;
  readonly #namespaces: NodeNamespaces;
  readonly #cgroupRoot: string;
  #running: { readonly ended: Promise<void>; kill(signal: NodeJS.Signals): void } | undefined;
  /** What the foreground command has printed. */
  output = "";

  constructor(options: { world: World; name: string; ip: string; namespaces: NodeNamespaces }) {
    this.name = options.name;
    this.ip = options.ip;
    this.dataDir = `${options.world.directory}/${options.name}`;
    this.#namespaces = options.namespaces;
    this.#cgroupRoot = `${options.world.cgroupRoot}/${options.name}`;
  }

  /** `k8ts server` or `k8ts agent`, which stay in the foreground. */
  start(...args: readonly string[]): void {
    const all = [...args, "--data-dir", this.dataDir, "--node-ip", this.ip, "--cgroup-root", this.#cgroupRoot];
    const child = spawn("nsenter", enterArguments(this.#namespaces, [process.execPath, command, ...all]), {
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (this.output += String(chunk)));
    this.#running = {
      ended: new Promise((resolve) => child.once("close", () => resolve())),
      kill: (signal) => child.kill(signal),
    };
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#running?.kill(signal);
    await this.#running?.ended;
    this.#running = undefined;
  }

  run(program: string, ...args: readonly string[]): Promise<ExecResult> {
    return exec("nsenter", enterArguments(this.#namespaces, [program, ...args]), {
      env: environment,
      timeoutMs: 60_000,
    });
  }

  async k8ts(name: string, ...args: readonly string[]): Promise<string> {
    const result = await this.run(process.execPath, command, name, "--data-dir", this.dataDir, ...args);
    assert.equal(result.exitCode, 0, `k8ts ${name}: ${result.stderr}`);
    return result.stdout;
  }

  tryKubectl(...args: readonly string[]): Promise<ExecResult> {
    return this.run("kubectl", "--kubeconfig", `${this.dataDir}/kubeconfig`, ...args);
  }

  async kubectl(...args: readonly string[]): Promise<string> {
    const result = await this.tryKubectl(...args);
    assert.equal(result.exitCode, 0, `kubectl ${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(...args, "-o", "json")) as T;
  }
}

async function makeMachines(inWorld: World, subnet: string, names: readonly string[]): Promise<readonly Machine[]> {
  const bridge = { name: `lan${subnet.split(".")[2]}`, subnet };
  await ensureBridge(bridge, { clusterCidr: "10.244.0.0/16", serviceCidr: "10.96.0.0/12" });
  return Promise.all(
    names.map(async (name, i) => {
      const ip = subnet.replace("0/24", String(i + 10));
      const directory = `${inWorld.directory}/namespaces/${name}`;
      const namespaces = await ensureNodeNamespaces({ directory, nodeName: name, ip, bridge });
      return new Machine({ world: inWorld, name, ip, namespaces });
    }),
  );
}

async function readyNodes(server: Machine): Promise<readonly string[]> {
  const { stdout } = await server.tryKubectl("get", "nodes", "-o", "json");
  const { items } = stdout === "" ? { items: [] } : (JSON.parse(stdout) as NodeList);
  return items
    .filter((n) => n.status.conditions?.some((c) => c.type === "Ready" && c.status === "True"))
    .map((n) => n.metadata.name);
}

/** A file of an object as it is. */
async function manifestOf(machine: Machine, kind: string, name: string): Promise<string> {
  const file = `${machine.dataDir}/${kind}-${name}.json`;
  await writeFile(file, await machine.kubectl("get", kind, name, "-o", "json"));
  return file;
}

const web = webApp({ image, replicas: "each node", graceSeconds: 0 });

for (const [index, backend] of (["host-gw", "vxlan"] as const).entries()) {
  describe(`server and agent, ${backend}`, { skip: typeof world === "string" ? world : false }, () => {
    if (typeof world === "string") return;
    let server: Machine;
    let agent: Machine;
    let join: readonly string[] = [];
    let pods: readonly Pod[] = [];

    before(async () => {
      const [first, second] = await makeMachines(world, `172.30.${100 + index}.0/24`, [`one-${index}`, `two-${index}`]);
      assert.ok(first && second);
      [server, agent] = [first, second];
      server.start("server", "--network-backend", backend, "--merge-kubeconfig=false");
      await eventually("the server's node is Ready", async () => (await readyNodes(server)).length === 1, 30_000);
      const printed = await server.k8ts("token", "create");
      join = printed.trim().split(" ").slice(1);
      assert.deepEqual([join[0], join[1], join[3]], ["agent", "--server", "--token"], printed);
    });

    after(async () => {
      for (const machine of [agent, server]) {
        await machine.stop();
        await machine.k8ts("delete");
      }
    });

    // What does not depend on the backend is tried with one of them.
    const isFirst = index === 0;

    if (isFirst)
      test("a wrong token, or one for another server, does not join", async () => {
        const [, , url = "", , token = ""] = join;
        const other = `K10${"0".repeat(64)}::${token.split("::")[1]}`;
        const forged = `${token.slice(0, -16)}${"0".repeat(16)}`;
        for (const [wrong, message] of [
          [other, /does not present the certificate authority that the token names/],
          [forged, /Unauthorized/],
          ["nonsense", /--token must be/],
        ] as const) {
          const result = await agent.run(
            process.execPath,
            command,
            "agent",
            "--server",
            url,
            "--token",
            wrong,
            "--data-dir",
            agent.dataDir,
          );
          assert.notEqual(result.exitCode, 0);
          assert.match(result.stderr, message);
        }
      });

    test("an agent joins, and both nodes run pods that reach each other and Services", async () => {
      agent.start(...join);
      await eventually("both nodes are Ready", async () => (await readyNodes(server)).length === 2, 30_000);
      const file = `${world.directory}/busybox.tar`;
      await writeFile(file, layoutTar([await buildBusyboxImage(image)]));
      for (const machine of [server, agent]) await machine.k8ts("image", "load", file);
      const manifest = `${world.directory}/web.yaml`;
      await writeFile(manifest, web);
      await server.kubectl("apply", "-f", manifest);
      await server.kubectl("rollout", "status", "daemonset/web", "--timeout=60s");
      pods = (await server.json<PodList>("get", "pods", "-l", "app=web")).items;
      assert.equal(new Set(pods.map((p) => p.spec.nodeName)).size, 2);
      const names = pods.map((p) => p.metadata.name).sort();
      for (const pod of pods) {
        for (const other of pods) {
          const url = `http://${other.status.podIP}:8080/`;
          assert.equal(
            (
              await server.kubectl("exec", pod.metadata.name, "--", "timeout", "2", "wget", "-q", "-O", "-", url)
            ).trim(),
            other.metadata.name,
          );
        }
        const loop = "for i in $(seq 20); do wget -q -O - http://web; done | sort -u";
        await eventually("both answer behind the Service's name", async () => {
          const { stdout } = await server.tryKubectl("exec", pod.metadata.name, "--", "sh", "-c", loop);
          return stdout.trim() === names.join("\n");
        });
      }
    });

    test("more than a packet's worth passes between pods", async () => {
      const [from, to] = pods;
      assert.ok(from && to);
      await server.kubectl("exec", to.metadata.name, "--", "sh", "-c", "head -c 300000 /dev/zero > /www/large");
      const read = `timeout 5 wget -q -O - http://${to.status.podIP}:8080/large | wc -c`;
      assert.equal((await server.kubectl("exec", from.metadata.name, "--", "sh", "-c", read)).trim(), "300000");
    });

    if (!isFirst) return;

    test("the agent's certificates were asked for, approved and signed by the cluster", async () => {
      const pki = (name: string): X509Certificate =>
        new X509Certificate(readFileSync(`${agent.dataDir}/pki/${name}.crt`));
      const authority = (name: string): X509Certificate =>
        new X509Certificate(readFileSync(`${server.dataDir}/pki/${name}.crt`));
      const client = pki(`kubelet-client-${agent.name}`);
      assert.match(client.subject, new RegExp(`O=system:nodes\\nCN=system:node:${agent.name}`));
      assert.ok(client.verify(authority("client-ca").publicKey));
      const serving = pki(`kubelet-serving-${agent.name}`);
      assert.ok(serving.verify(authority("server-ca").publicKey));
      assert.ok(serving.checkIP(agent.ip) !== undefined && serving.checkHost(agent.name) !== undefined);
      assert.match(pki("kube-proxy").subject, /CN=system:kube-proxy/);
      assert.match(pki("node-network").subject, /CN=k8ts:node-network/);
      // No key of an authority has left the server.
      assert.match((await agent.run("ls", `${agent.dataDir}/pki`)).stdout, /server-ca\.crt/);
      assert.doesNotMatch((await agent.run("ls", `${agent.dataDir}/pki`)).stdout, /ca\.key/);
    });

    test("the agent may change its own node and no other, and reads no other node and none of its pods", async () => {
      const asAgent = (...args: readonly string[]): Promise<ExecResult> =>
        server.run(
          "kubectl",
          `--server=https://${server.ip}:6443`,
          `--certificate-authority=${agent.dataDir}/pki/server-ca.crt`,
          `--client-certificate=${agent.dataDir}/pki/kubelet-client-${agent.name}.crt`,
          `--client-key=${agent.dataDir}/pki/kubelet-client-${agent.name}.key`,
          ...args,
        );
      const allowed = async (...args: readonly string[]): Promise<void> => {
        const result = await asAgent(...args);
        assert.equal(result.exitCode, 0, result.stderr);
      };
      const refused = async (why: RegExp, ...args: readonly string[]): Promise<void> => {
        const result = await asAgent(...args);
        assert.notEqual(result.exitCode, 0, result.stdout);
        assert.match(result.stderr, why);
      };
      const podOn = (node: string): string => pods.find((p) => p.spec.nodeName === node)?.metadata.name ?? "";
      await allowed("annotate", "--overwrite", "node", agent.name, "tried=yes");
      // kubectl reads what it is to change.
      const onlyOwn = /only its own Node object/;
      await refused(onlyOwn, "annotate", "--overwrite", "node", server.name, "tried=yes");
      await refused(/not allowed to modify node/, "replace", "-f", await manifestOf(server, "node", server.name));
      await refused(onlyOwn, "get", "nodes");
      await allowed("get", "pod", podOn(agent.name));
      await allowed("get", "pods", "-A", `--field-selector=spec.nodeName=${agent.name}`);
      await refused(/no relationship found/, "get", "pod", podOn(server.name));
      await refused(/spec\.nodeName field selector/, "get", "pods", "-A");
      await refused(/spec\.nodeName/, "get", "pods", "-A", `--field-selector=spec.nodeName=${server.name}`);
    });

    test("an agent that starts again needs no token, touches no pod, and asks for what an older version had not", async () => {
      const identity = async (): Promise<readonly string[]> =>
        (await server.json<PodList>("get", "pods", "-l", "app=web")).items
          .map((p) => `${p.metadata.uid} ${p.status.podIP} ${p.status.containerStatuses?.[0]?.containerID}`)
          .sort();
      const before_ = await identity();
      await agent.stop("SIGTERM");
      const state = await readFile(`${agent.dataDir}/cluster.json`, "utf8");
      assert.match(state, /"joined"/);
      for (const ending of ["crt", "key"]) await rm(`${agent.dataDir}/pki/node-network.${ending}`);
      agent.start("agent");
      await eventually("the agent's kubelet answers", async () => {
        const pod = pods.find((p) => p.spec.nodeName === agent.name)?.metadata.name ?? "";
        return (await server.tryKubectl("exec", pod, "--", "true")).exitCode === 0;
      });
      assert.deepEqual(await identity(), before_);
      await eventually("it has its certificate", async () =>
        (await agent.run("ls", `${agent.dataDir}/pki`)).stdout.includes("node-network.crt"),
      );
    });
  });
}
