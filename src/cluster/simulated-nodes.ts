import type { Clock } from "../component-base/clock.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { FakeRuntime } from "../cri-api/testing/fake-runtime.ts";
import { FakePorts } from "../kubelet/testing/fake-ports.ts";
import type { ComponentEnvironment } from "./component-environment.ts";
import type { ClusterConfig } from "./config.ts";
import { nodePodCidr } from "./pod-cidr.ts";
import { runNode } from "./run-node.ts";
import { kubernetesVersion } from "./version.ts";

/** The mark of a node on which nothing really runs. */
const simulatedLabel = "k8ts.dev/simulated";

/** What stays when a simulated node's kubelet ends: its files and what runs. */
export interface SimulatedMachine {
  readonly nodeName: string;
  readonly ports: FakePorts;
  readonly runtime: FakeRuntime;
}

export interface SimulatedMachineOptions {
  readonly nodeName: string;
  /** Tells the machines of a cluster apart: addresses come from it. */
  readonly index: number;
  readonly clock: Clock;
  readonly config: ClusterConfig;
}

/** A machine in memory. Throws RangeError when the cluster's pod range has no more for nodes. */
export function createSimulatedMachine({ nodeName, index, clock, config }: SimulatedMachineOptions): SimulatedMachine {
  const address = `198.18.${Math.floor(index / 250) + 1}.${(index % 250) + 1}`;
  const ports = new FakePorts({ nodeName, clock, address });
  const podAddressPrefix = nodePodCidr(config.podCidr, index).replace(/0\/24$/, "");
  return { nodeName, ports, runtime: new FakeRuntime({ clock, fileSystem: ports.fileSystem, podAddressPrefix }) };
}

/** A machine of its own on which the same containers run. */
export function forkSimulatedMachine({ nodeName, ports, runtime }: SimulatedMachine, clock: Clock): SimulatedMachine {
  const forked = ports.fork(clock);
  return { nodeName, ports: forked, runtime: runtime.fork({ clock, fileSystem: forked.fileSystem }) };
}

/** Runs simulated nodes until the signal aborts. */
export async function runSimulatedNodes(
  options: ComponentEnvironment & { readonly config: ClusterConfig; readonly names: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  await using tasks = new TaskGroup({ parent: signal });
  for (const [index, nodeName] of options.names.entries()) {
    const machine = createSimulatedMachine({ ...options, nodeName, index });
    tasks.spawn((running) => runSimulatedNode({ ...options, machine }, running));
  }
  await new Promise<void>((resolve) => {
    if (tasks.signal.aborted) resolve();
    tasks.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Runs a real kubelet over a machine in memory: pods become Running, nothing executes. Says so on the Node. */
export function runSimulatedNode(
  options: ComponentEnvironment & { readonly config: ClusterConfig; readonly machine: SimulatedMachine },
  signal: AbortSignal,
): Promise<void> {
  const { machine, ...environment } = options;
  const node = {
    ...environment,
    nodeName: machine.nodeName,
    runtime: machine.runtime,
    images: machine.runtime.images,
    runtimeEvents: machine.runtime,
    ports: machine.ports,
    kubelet: {
      kubeletVersion: kubernetesVersion.gitVersion,
      nodeLabels: { [simulatedLabel]: "true" },
      nodeAnnotations: { "k8ts.dev/notice": "simulated node: pods are reported Running, but no container runs" },
      // The runtime is in this process: its events cannot get lost.
      relistPeriodMs: 300_000,
    },
  };
  return runNode(node, signal);
}
