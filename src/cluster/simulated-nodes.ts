import type { Clock } from "../component-base/clock.ts";
import type { HttpHandler, HttpResponse } from "../component-base/http.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { scriptFromCommand } from "../cri-api/testing/fake-container-script.ts";
import { FakeRuntime } from "../cri-api/testing/fake-runtime.ts";
import { FakePorts } from "../kubelet/testing/fake-ports.ts";
import { UsageMeter } from "../kubelet/testing/usage-meter.ts";
import type { ComponentEnvironment } from "./component-environment.ts";
import type { ClusterConfig } from "./config.ts";
import { nodePodCidr } from "./pod-cidr.ts";
import { runNode } from "./run-node.ts";
import { kubernetesVersion } from "./version.ts";

export interface SimulatedNodesOptions extends ComponentEnvironment {
  readonly config: ClusterConfig;
  readonly names: readonly string[];
  /** Without it, the nodes' kubelets serve nothing. */
  readonly kubelets?: SimulatedKubelets;
}

/** The servers of all simulated kubelets behind one address: the nodes differ in name only. */
export class SimulatedKubelets {
  readonly address: string;
  readonly port: number;
  readonly #handlers = new Set<HttpHandler>();

  constructor(options: { readonly address: string; readonly port: number }) {
    this.address = options.address;
    this.port = options.port;
  }

  /** Asks one kubelet after the other: the first that knows the pod answers. */
  readonly handler: HttpHandler = async (request) => {
    let answer = notHere;
    for (const handler of this.#handlers) {
      answer = await handler(request);
      if (answer.status !== notHere.status) return answer;
    }
    return answer;
  };

  add(handler: HttpHandler): Promise<AsyncDisposable> {
    this.#handlers.add(handler);
    return Promise.resolve({
      [Symbol.asyncDispose]: () => {
        this.#handlers.delete(handler);
        return Promise.resolve();
      },
    });
  }
}

const notHere: HttpResponse = { status: 404, headers: {} };

// All that a container without a process says.
const logLine = "simulated container: nothing runs here";

/** The mark of a node on which nothing really runs. */
const simulatedLabel = "k8ts.dev/simulated";

/** What stays when a simulated node's kubelet ends: its files and what runs. */
export interface SimulatedMachine {
  readonly nodeName: string;
  readonly ports: FakePorts;
  readonly runtime: FakeRuntime;
  /** What its containers use. */
  readonly meter: UsageMeter;
  /** Where its kubelet is to be reached. */
  readonly address: string;
}

export interface SimulatedMachineOptions {
  readonly nodeName: string;
  /** Tells the machines of a cluster apart: addresses come from it. */
  readonly index: number;
  readonly clock: Clock;
  readonly config: ClusterConfig;
  /** Where its kubelet is served; without it one of the benchmarking range, which leads nowhere. */
  readonly address?: string | undefined;
}

/** A machine in memory. Throws RangeError when the cluster's pod range has no more for nodes. */
export function createSimulatedMachine(options: SimulatedMachineOptions): SimulatedMachine {
  const { nodeName, index, clock, config } = options;
  const address = options.address ?? `198.18.${Math.floor(index / 250) + 1}.${(index % 250) + 1}`;
  const ports = new FakePorts({ nodeName, clock, address });
  const podAddressPrefix = nodePodCidr(config.podCidr, index).replace(/0\/24$/, "");
  const runtime = new FakeRuntime({
    clock,
    fileSystem: ports.fileSystem,
    podAddressPrefix,
    script: (container, annotations) => {
      const script = scriptFromCommand(container, annotations);
      return script.output?.length ? script : { ...script, output: [logLine] };
    },
  });
  const meter = (ports.cgroups.meter = new UsageMeter(clock, runtime, () => undefined));
  return { nodeName, ports, runtime, meter, address };
}

/** A machine of its own on which the same containers run. */
export function forkSimulatedMachine(machine: SimulatedMachine, clock: Clock): SimulatedMachine {
  const ports = machine.ports.fork(clock);
  const runtime = machine.runtime.fork({ clock, fileSystem: ports.fileSystem });
  const meter = (ports.cgroups.meter = machine.meter.fork(clock, runtime));
  return { ...machine, ports, runtime, meter };
}

/** Runs simulated nodes until the signal aborts. */
export async function runSimulatedNodes(options: SimulatedNodesOptions, signal: AbortSignal): Promise<void> {
  await using tasks = new TaskGroup({ parent: signal });
  for (const [index, nodeName] of options.names.entries()) {
    const machine = createSimulatedMachine({ ...options, nodeName, index, address: options.kubelets?.address });
    tasks.spawn((running) => runSimulatedNode({ ...options, machine }, running));
  }
  await new Promise<void>((resolve) => {
    if (tasks.signal.aborted) resolve();
    tasks.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Runs a real kubelet over a machine in memory: pods become Running, nothing executes. Says so on the Node. */
export function runSimulatedNode(
  options: ComponentEnvironment & {
    readonly config: ClusterConfig;
    readonly machine: SimulatedMachine;
    /** Where its kubelet serves; nowhere unless given. */
    readonly kubelets?: Pick<SimulatedKubelets, "add" | "port">;
  },
  signal: AbortSignal,
): Promise<void> {
  const { machine, kubelets, ...environment } = options;
  const node = {
    ...environment,
    nodeName: machine.nodeName,
    runtime: machine.runtime,
    images: machine.runtime.images,
    runtimeEvents: machine.runtime,
    ports: machine.ports,
    ...(kubelets ? { serveKubelet: (handler: HttpHandler) => kubelets.add(handler) } : {}),
    kubelet: {
      ...(kubelets ? { port: kubelets.port } : {}),
      kubeletVersion: kubernetesVersion.gitVersion,
      nodeLabels: { [simulatedLabel]: "true" },
      nodeAnnotations: { "k8ts.dev/notice": "simulated node: pods are reported Running, but no container runs" },
      // The runtime is in this process: its events cannot get lost.
      relistPeriodMs: 300_000,
      // Nor do its memory and disk run short.
      evictionPeriodMs: 300_000,
      containerLogMonitorMs: 300_000,
    },
  };
  return runNode(node, signal);
}
