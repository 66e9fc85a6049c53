import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import * as path from "node:path";

import type { NetworkBackend } from "../cluster/addons/node-bootstrap.ts";
import type { ClusterConfig } from "../cluster/config.ts";
import type { NodeBridge } from "../node/node-namespaces.ts";
import type { ControlPorts } from "./control-ports.ts";

/** What `up` decided once for a cluster and every later start keeps. */
export interface ClusterState {
  readonly name: string;
  /** What all nodes of the cluster agree on. */
  readonly config: ClusterConfig;
  readonly networkBackend: NetworkBackend;
  /** Where the API server is, when that is another machine: then there is only the node here. */
  readonly joined?: { readonly server: string };
  readonly apiServerPort: number;
  /** Names and addresses the API server is reached by beside its own. */
  readonly tlsSans: readonly string[];
  /** Upstream's flags for parts of the components, `--name=value`. */
  readonly componentArgs: { readonly controllerManager: readonly string[]; readonly kubelet: readonly string[] };
  /** The first is the machine itself; with real containers each other one is in network and UTS namespaces of its own. */
  readonly nodes: readonly [ClusterNode, ...ClusterNode[]];
  /** What joins the nodes; only where there are several with real containers. */
  readonly bridge?: NodeBridge;
  /** True when the first node's address is one k8ts put on the loopback link, because the machine had none. */
  readonly ownsNodeAddress: boolean;
  readonly runtime: "containerd" | "simulated";
  readonly kubeletPort: number;
  /** Where controllers and scheduler tell the API server how they are; upstream's ports in clusters of older versions. */
  readonly controlPorts?: ControlPorts;
  readonly dnsPort: number;
  /** Where each node serves Ingresses; undefined when they are left to somebody else. */
  readonly ingress?: IngressPorts;
}

export interface IngressPorts {
  readonly http: number;
  readonly https: number;
}

export interface ClusterNode {
  readonly name: string;
  readonly ip: string;
  /** Where the node's control groups are made. */
  readonly cgroupRoot: string;
}

/** The files of one cluster. Everything it keeps is below `root`, so that deleting the cluster is deleting the directory. */
export class ClusterDirectory {
  readonly root: string;

  constructor(root: string) {
    this.root = path.resolve(root);
  }

  static default(name: string): ClusterDirectory {
    const suffix = name === "default" ? "" : `-${name}`;
    return new ClusterDirectory(
      process.getuid?.() === 0 ? `/var/lib/k8ts${suffix}` : path.join(homedir(), `.k8ts${suffix}`),
    );
  }

  get kubeconfig(): string {
    return path.join(this.root, "kubeconfig");
  }
  get pki(): string {
    return path.join(this.root, "pki");
  }
  get store(): string {
    return path.join(this.root, "store");
  }
  /** The files of the node that is the machine itself. */
  get node(): NodeDirectory {
    return new NodeDirectory(this.root);
  }
  /** The files of a node: the first's are beside the cluster's, each other one's are in a directory of its own. */
  nodeDirectory(state: ClusterState, node: ClusterNode): NodeDirectory {
    return node.name === state.nodes[0].name ? this.node : new NodeDirectory(path.join(this.root, "nodes", node.name));
  }
  /** The volumes of the class `local-path`. */
  get localPath(): string {
    return path.join(this.root, "local-path");
  }
  get run(): string {
    return path.join(this.root, "run");
  }
  get logs(): string {
    return path.join(this.root, "logs");
  }

  logFile(component: string): string {
    return path.join(this.logs, `${component}.log`);
  }

  processFile(component: string): string {
    return path.join(this.run, `${component}.json`);
  }

  async create(): Promise<void> {
    for (const directory of [this.root, this.run, this.logs]) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    }
  }

  /** Undefined when there is no cluster here. */
  async readState(): Promise<ClusterState | undefined> {
    try {
      return JSON.parse(await readFile(this.#stateFile, "utf8")) as ClusterState;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async writeState(state: ClusterState): Promise<void> {
    await writeFile(`${this.#stateFile}.tmp`, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600, flush: true });
    await rename(`${this.#stateFile}.tmp`, this.#stateFile);
  }

  get #stateFile(): string {
    return path.join(this.root, "cluster.json");
  }
}

/** The files of one node. */
export class NodeDirectory {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  /** The kubelet's files and the pods' volumes. */
  get kubelet(): string {
    return path.join(this.root, "node");
  }
  /** Images mounted as volumes, for a containerd that cannot by itself. */
  get imageVolumes(): string {
    return path.join(this.root, "image-volumes");
  }
  /** The private containerd. Its socket's path must stay below 108 bytes. */
  get containerd(): string {
    return path.join(this.root, "containerd");
  }
  /** Where the node's namespaces are mounted. */
  get namespaces(): string {
    return path.join(this.root, "namespaces");
  }
}
