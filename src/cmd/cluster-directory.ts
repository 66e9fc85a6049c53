import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import * as path from "node:path";

/** What `up` decided once for a cluster and every later start keeps. */
export interface ClusterState {
  readonly name: string;
  readonly apiServerPort: number;
  readonly nodeName: string;
  readonly nodeIp: string;
  /** True when nodeIp is an address k8ts put on the loopback link, because the machine had none. */
  readonly ownsNodeAddress: boolean;
  readonly runtime: "containerd" | "simulated";
  readonly simulatedNodes: number;
  /** Where the node's control groups are made. */
  readonly cgroupRoot: string;
  readonly kubeletPort: number;
  readonly dnsPort: number;
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
  /** The kubelet's and the runtime's files. */
  get node(): string {
    return path.join(this.root, "node");
  }
  /** The private containerd. Its socket's path must stay below 108 bytes. */
  get containerd(): string {
    return path.join(this.root, "containerd");
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
    for (const directory of [this.root, this.run, this.logs, this.node]) {
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
