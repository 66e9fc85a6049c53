import { assert } from "../../component-base/assert.ts";

/** The image reference of the sandbox container. `local.invalid` resolves nowhere: the image is imported, never pulled. */
export const pauseImage = "local.invalid/k8ts/pause:1";

export interface ContainerdConfig {
  /** Where everything of this containerd is: images and snapshots, state, socket, plugins. */
  readonly directory: string;
  readonly socketPath: string;
  /** Where the CNI plugins' binaries are. */
  readonly cniBinDirectory: string;
  /** Where this node's network configuration is. containerd follows changes to it. */
  readonly cniConfigDirectory: string;
  /** Registry hosts: one directory per registry name with a `hosts.toml`. */
  readonly registryConfigDirectory: string;
  /** True where this process may not lower an OOM score: the runtime then clamps scores instead of failing. */
  readonly restrictOomScoreAdj: boolean;
  /** `overlayfs` wherever it works; `native` copies each layer whole, and works everywhere. */
  readonly snapshotter: "overlayfs" | "native";
  /** Without cgroups (rootless): containers are started in the caller's group. */
  readonly disableCgroup?: boolean;
  /** Defaults to `runc` from the path. */
  readonly runcBinary?: string;
}

// A unix socket address holds 108 bytes with its end; containerd adds ".ttrpc" for a second one.
const socketPathBytesMax = 107 - ".ttrpc".length;

// What needs absent kernel modules or devices. `runtime.v1.linux` looks unneeded too, but CRI does not load without it.
const disabledPlugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
  "io.containerd.internal.v1.restart",
];

/** The text of a containerd configuration (version 2, containerd 1.6 and later) that shares nothing with the system's own. */
export function containerdConfigText(config: ContainerdConfig): string {
  const { directory } = config;
  assert(Buffer.byteLength(config.socketPath) <= socketPathBytesMax, `socket path too long: ${config.socketPath}`);
  const cri = `plugins."io.containerd.grpc.v1.cri"`;
  const runc = `${cri}.containerd.runtimes.runc`;
  return tomlText([
    {
      entries: {
        version: 2,
        root: `${directory}/root`,
        state: `${directory}/state`,
        disabled_plugins: disabledPlugins,
      },
    },
    { table: "grpc", entries: { address: config.socketPath } },
    { table: `plugins."io.containerd.internal.v1.opt"`, entries: { path: `${directory}/opt` } },
    {
      table: cri,
      entries: {
        sandbox_image: pauseImage,
        // Streaming is reached through the kubelet only, which shares the network namespace.
        stream_server_address: "127.0.0.1",
        stream_server_port: "0",
        netns_mounts_under_state_dir: true,
        disable_apparmor: true,
        tolerate_missing_hugetlb_controller: true,
        restrict_oom_score_adj: config.restrictOomScoreAdj,
        disable_cgroup: config.disableCgroup ?? false,
      },
    },
    { table: `${cri}.cni`, entries: { bin_dir: config.cniBinDirectory, conf_dir: config.cniConfigDirectory } },
    { table: `${cri}.containerd`, entries: { snapshotter: config.snapshotter, default_runtime_name: "runc" } },
    { table: runc, entries: { runtime_type: "io.containerd.runc.v2" } },
    {
      table: `${runc}.options`,
      entries: {
        SystemdCgroup: false,
        // Else runc keeps its state in a directory that all containerds of the machine share.
        Root: `${directory}/runc`,
        ...(config.runcBinary === undefined ? {} : { BinaryName: config.runcBinary }),
      },
    },
    { table: `${cri}.registry`, entries: { config_path: config.registryConfigDirectory } },
  ]);
}

interface TomlTable {
  readonly table?: string;
  readonly entries: Readonly<Record<string, string | number | boolean | readonly string[]>>;
}

function tomlText(tables: readonly TomlTable[]): string {
  return tables
    .map(({ table, entries }) => {
      const lines = Object.entries(entries).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
      return (table === undefined ? "" : `[${table}]\n`) + lines.join("");
    })
    .join("\n");
}
