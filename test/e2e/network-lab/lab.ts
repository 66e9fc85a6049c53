import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";

import { execChecked } from "../../../src/node/exec.ts";
import type { Command, Outcome, Probe } from "./agent.ts";

const agentFile = `${import.meta.dirname}/agent.ts`;
// Long enough for a busy machine, when an answer is expected; drops cost as much.
const probeTimeoutMs = 1_000;

/** A network namespace with somebody in it who serves and asks. */
export class Host implements AsyncDisposable {
  readonly name: string;
  readonly ip: string;
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  #next = 0;

  /** `namespace` undefined is the one the test itself is in. */
  constructor(name: string, ip: string, namespace: string | undefined) {
    this.name = name;
    this.ip = ip;
    const stdio = ["pipe", "pipe", "inherit"] as const;
    this.#process =
      namespace === undefined
        ? spawn(process.execPath, [agentFile], { stdio: [...stdio] })
        : spawn("ip", ["netns", "exec", namespace, process.execPath, agentFile], { stdio: [...stdio] });
    if (!this.#process.stdout) throw new Error("the agent has no output");
    createInterface({ input: this.#process.stdout }).on("line", (line) => {
      const { id, ...outcome } = JSON.parse(line) as Outcome & { readonly id: number };
      this.#waiting.get(id)?.(outcome);
      this.#waiting.delete(id);
    });
  }

  /** Answers with its name and the client's address. */
  async serve(protocol: "tcp" | "udp", port: number, host?: string): Promise<void> {
    const outcome = await this.#ask({ op: "serve", name: this.name, protocol, port, ...(host ? { host } : {}) });
    if ("error" in outcome) throw new Error(`${this.name} cannot serve ${protocol} ${port}: ${outcome.error}`);
  }

  /** What is answered there: `name client-address`, or `timeout`, `ECONNREFUSED` and the like. */
  async probe(protocol: "tcp" | "udp", host: string, port: number, options: Partial<Probe> = {}): Promise<string> {
    const outcome = await this.#ask({ op: "probe", timeoutMs: probeTimeoutMs, ...options, protocol, host, port });
    return "answer" in outcome ? outcome.answer : outcome.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  #ask(command: Command): Promise<Outcome> {
    const id = this.#next++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#process.stdin?.write(`${JSON.stringify({ id, ...command })}\n`);
    });
  }
}

// The end of every link on the node's side.
const gateway = "169.254.1.1";

/**
 * Pods' and other hosts' network namespaces around the test's own, which is the node: each is linked to it as the ptp
 * plugin links pods. Use it inside of a world.
 */
export class NetworkLab implements AsyncDisposable {
  readonly node: Host;
  readonly #hosts: Host[] = [];

  constructor(nodeIp: string) {
    this.node = new Host("node", nodeIp, undefined);
    this.#hosts.push(this.node);
  }

  /** The node's address and forwarding; a route for service addresses as `setUpPodNetwork` makes it. */
  async start(serviceCidrs: readonly string[]): Promise<void> {
    const ip = `${this.node.ip}/32`;
    await execChecked("ip", ["address", "replace", ip, "dev", "lo"]);
    // Else the kernel keeps most refusals to itself when there are several a second, and those who wait for one time out.
    await writeFile("/proc/sys/net/ipv4/icmp_ratelimit", "0");
    for (const cidr of serviceCidrs) {
      await execChecked("ip", ["route", "replace", cidr, "dev", "lo", "src", this.node.ip]);
    }
  }

  async host(name: string, ip: string): Promise<Host> {
    const link = `v-${name}`;
    const commands = `netns add ${name}
link add ${link} type veth peer name eth0 netns ${name}
address add ${gateway}/32 dev ${link}
link set ${link} up
route add ${ip}/32 dev ${link}
`;
    await execChecked("ip", ["-batch", "-"], { input: commands });
    const inside = `link set lo up
address add ${ip}/32 dev eth0
link set eth0 up
route add ${gateway} dev eth0
route add default via ${gateway} dev eth0
`;
    await execChecked("ip", ["-n", name, "-batch", "-"], { input: inside });
    const host = new Host(name, ip, name);
    this.#hosts.push(host);
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host[Symbol.asyncDispose]()));
  }
}
