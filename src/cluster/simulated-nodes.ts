import { FakeRuntime } from "../cri-api/testing/fake-runtime.ts";
import { FakePorts } from "../kubelet/testing/fake-ports.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import type { ComponentEnvironment } from "./component-environment.ts";
import type { ClusterConfig } from "./config.ts";
import { nodePodCidr } from "./pod-cidr.ts";
import { runNode } from "./run-node.ts";
import { kubernetesVersion } from "./version.ts";

export interface SimulatedNodesOptions extends ComponentEnvironment {
  readonly config: ClusterConfig;
  readonly names: readonly string[];
}

/** The mark of a node on which nothing really runs. */
export const simulatedLabel = "k8ts.dev/simulated";

/** Runs real kubelets over runtimes in memory: pods become Running, nothing executes. Says so on every Node. */
export async function runSimulatedNodes(options: SimulatedNodesOptions, signal: AbortSignal): Promise<void> {
  await using tasks = new TaskGroup({ parent: signal });
  for (const [index, nodeName] of options.names.entries()) {
    tasks.spawn((running) => runNode(simulatedNode(options, nodeName, index), running));
  }
  await new Promise<void>((resolve) => {
    if (tasks.signal.aborted) resolve();
    tasks.signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function simulatedNode(options: SimulatedNodesOptions, nodeName: string, index: number) {
  const { clock, config } = options;
  const address = `198.18.${Math.floor(index / 250) + 1}.${(index % 250) + 1}`;
  const ports = new FakePorts({ nodeName, clock, address });
  const podAddressPrefix = nodePodCidr(config.podCidr, index % 256).replace(/0\/24$/, "");
  const runtime = new FakeRuntime({ clock, fileSystem: ports.fileSystem, podAddressPrefix });
  return {
    ...options,
    nodeName,
    runtime,
    images: runtime.images,
    runtimeEvents: runtime,
    ports,
    kubelet: {
      kubeletVersion: kubernetesVersion.gitVersion,
      nodeLabels: { [simulatedLabel]: "true" },
      nodeAnnotations: { "k8ts.dev/notice": "simulated node: pods are reported Running, but no container runs" },
      // The runtime is in this process: its events cannot get lost.
      relistPeriodMs: 300_000,
    },
  };
}
