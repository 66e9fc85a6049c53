import { errorText } from "../component-base/logger.ts";
import { UsageError } from "./arguments.ts";

interface Command {
  readonly summary: string;
  readonly hidden?: boolean;
  run(args: readonly string[]): Promise<void>;
}

/** Every command, loaded only when it is the one asked for. */
const commands: Readonly<Record<string, Command>> = {
  up: { summary: "start a cluster, or what of it is not running", run: async (a) => (await import("./up.ts")).up(a) },
  server: {
    summary: "as up, in the foreground; other machines may join",
    run: async (a) => (await import("./server.ts")).server(a),
  },
  agent: {
    summary: "agent --server URL --token T: be a node of another machine's cluster",
    run: async (a) => (await import("./agent.ts")).agent(a),
  },
  token: {
    summary: "token create | list | delete ID: what machines join with",
    run: async (a) => (await import("./token.ts")).token(a),
  },
  down: {
    summary: "stop the cluster and its pods, keep its data",
    run: async (a) => (await import("./down.ts")).down(a),
  },
  delete: { summary: "stop the cluster and remove all of it", run: async (a) => (await import("./down.ts")).remove(a) },
  status: { summary: "show what runs", run: async (a) => (await import("./status.ts")).status(a) },
  logs: {
    summary: "print a component's log: k8ts logs [component]",
    run: async (a) => (await import("./logs.ts")).logs(a),
  },
  image: {
    summary: "image load FILE | ls: images of the node",
    run: async (a) => (await import("./image.ts")).image(a),
  },
  hello: {
    summary: "deploy the example and fetch it through its Service",
    run: async (a) => (await import("./hello.ts")).hello(a),
  },
  version: { summary: "print the version", run: async (a) => (await import("./version.ts")).version(a) },
  "kube-apiserver": {
    summary: "the API server alone, by upstream's flags",
    run: async (a) => (await import("./components/kube-apiserver.ts")).kubeApiServer(a),
  },
  "kube-controller-manager": {
    summary: "the controllers alone, by upstream's flags",
    run: async (a) => (await import("./components/kube-controller-manager.ts")).kubeControllerManager(a),
  },
  "kube-scheduler": {
    summary: "the scheduler alone, by upstream's flags",
    run: async (a) => (await import("./components/kube-scheduler.ts")).kubeScheduler(a),
  },
  kubelet: {
    summary: "the kubelet alone, by upstream's flags",
    run: async (a) => (await import("./components/kubelet.ts")).kubelet(a),
  },
  "kube-proxy": {
    summary: "the Service proxy alone, by upstream's flags",
    run: async (a) => (await import("./components/kube-proxy.ts")).kubeProxy(a),
  },
  "csi-hostpath": {
    summary: "the CSI hostpath driver of a node, and the controllers beside it",
    run: async (a) => (await import("./components/csi-hostpath.ts")).csiHostpath(a),
  },
  envtest: {
    summary: "envtest DIR: what KUBEBUILDER_ASSETS may name, for tests of controllers in Go",
    run: async (a) => (await import("./envtest.ts")).envtest(a),
  },
  supervise: {
    summary: "run the cluster's processes",
    hidden: true,
    run: async (a) => (await import("./supervise.ts")).superviseCommand(a),
  },
  run: { summary: "run one component", hidden: true, run: async (a) => (await import("./run.ts")).run(a) },
};

function usage(): string {
  const lines = Object.entries(commands)
    .filter(([, command]) => !command.hidden)
    .map(([name, command]) => `  ${name.padEnd(23)} ${command.summary}`);
  return `k8ts: Kubernetes in TypeScript\n\nUsage: k8ts COMMAND [--name NAME] [--data-dir DIR] …\n\n${lines.join("\n")}\n`;
}

/** Runs the command line; resolves to the exit code: 0 done, 1 failed, 2 usage. */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(usage());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    process.stderr.write(`k8ts: no such command: ${name}\n\n${usage()}`);
    return 2;
  }
  try {
    await command.run(rest);
    // A component's failure is in exitCode already.
    return typeof process.exitCode === "number" ? process.exitCode : 0;
  } catch (error) {
    process.stderr.write(`k8ts ${name}: ${errorText(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}
