import type { HttpHandler, HttpResponse } from "../component-base/http.ts";
import { scriptFromCommand } from "../cri-api/testing/fake-container-script.ts";
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
  const { kubelets } = options;
  // An address of this machine when there is a server behind it, else one of the benchmarking range, which leads nowhere.
  const address = kubelets?.address ?? `198.18.${Math.floor(index / 250) + 1}.${(index % 250) + 1}`;
  const ports = new FakePorts({ nodeName, clock, address });
  const podAddressPrefix = nodePodCidr(config.podCidr, index % 256).replace(/0\/24$/, "");
  const runtime = new FakeRuntime({
    clock,
    fileSystem: ports.fileSystem,
    podAddressPrefix,
    script: (container, annotations) => {
      const script = scriptFromCommand(container, annotations);
      return script.output?.length ? script : { ...script, output: [logLine] };
    },
  });
  return {
    ...options,
    nodeName,
    runtime,
    images: runtime.images,
    runtimeEvents: runtime,
    ports,
    ...(kubelets ? { serveKubelet: (handler: HttpHandler) => kubelets.add(handler) } : {}),
    kubelet: {
      ...(kubelets ? { port: kubelets.port } : {}),
      kubeletVersion: kubernetesVersion.gitVersion,
      nodeLabels: { [simulatedLabel]: "true" },
      nodeAnnotations: { "k8ts.dev/notice": "simulated node: pods are reported Running, but no container runs" },
      // The runtime is in this process: its events cannot get lost.
      relistPeriodMs: 300_000,
    },
  };
}
