import { access, constants, readFile, statfs } from "node:fs/promises";
import * as path from "node:path";

import { capabilities, ownCapabilities, type Capability } from "./capabilities.ts";
import { detectCgroupVersion } from "./cgroups/cgroup-version.ts";

/** One thing a node needs, and whether the machine has it. */
export interface Finding {
  readonly name: string;
  readonly isPresent: boolean;
  /** Real containers cannot run without it. */
  readonly isRequired: boolean;
  /** Where it was found, or what its absence means. */
  readonly detail: string;
  /** The Debian package that brings it. */
  readonly package?: string;
}

export interface MachineReport {
  readonly findings: readonly Finding[];
  /** True when nothing required is missing: real containers, as root. */
  readonly canRunContainers: boolean;
  /** True when what is missing is only packages. */
  readonly isFixedByInstall: boolean;
  /** What would install what is missing; undefined when nothing is, or the machine has no apt. */
  readonly installCommand?: readonly string[];
  /** The directory with the CNI plugins' binaries. */
  readonly cniBinDirectory?: string;
  readonly cgroupVersion: "v1" | "v2" | "none";
}

interface Program {
  readonly name: string;
  readonly package: string;
  readonly isRequired: boolean;
  readonly use: string;
}

const programs: readonly Program[] = [
  { name: "containerd", package: "containerd", isRequired: true, use: "runs the containers" },
  { name: "runc", package: "runc", isRequired: true, use: "makes the containers" },
  { name: "nft", package: "nftables", isRequired: true, use: "Services" },
  { name: "ip", package: "iproute2", isRequired: true, use: "pod routes" },
  { name: "mount", package: "mount", isRequired: true, use: "volumes" },
  { name: "conntrack", package: "conntrack", isRequired: false, use: "moves UDP flows when endpoints change" },
  { name: "busybox", package: "busybox-static", isRequired: false, use: "a shell in the example images" },
];
const cniDirectories = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];
const cniPlugins = ["ptp", "host-local", "loopback"];
const cniPackage = "containernetworking-plugins";

const capabilityNames: Readonly<Record<Capability, string>> = {
  netAdmin: "CAP_NET_ADMIN",
  sysAdmin: "CAP_SYS_ADMIN",
  sysResource: "CAP_SYS_RESOURCE",
};

/** Looks at the machine; changes nothing. `directory` (or its nearest existing parent) is where the cluster's data will be. */
export async function examineMachine(directory: string): Promise<MachineReport> {
  const isLinux = process.platform === "linux";
  const cniBinDirectory = await findCniDirectory();
  const cgroups = isLinux ? detectCgroupVersion() : undefined;
  const findings: readonly Finding[] = [
    required("Linux", isLinux, isLinux ? await kernelRelease() : `${process.platform} has no containers of its own`),
    required("root", process.getuid?.() === 0, process.getuid?.() === 0 ? "uid 0" : "run as root, or with sudo"),
    ...(isLinux ? await examineCapabilities() : []),
    ...(await Promise.all(programs.map(examineProgram))),
    {
      ...required("CNI plugins", cniBinDirectory !== undefined, cniBinDirectory ?? "pod network"),
      package: cniPackage,
    },
    { ...required("cgroups", cgroups !== undefined, cgroups?.name ?? "pods run without limits"), isRequired: false },
    required("network namespaces", await exists("/proc/self/ns/net"), "pods have their own addresses"),
    await examineOverlay(directory),
  ];
  const missing = findings.filter((f) => !f.isPresent);
  const packages = [...new Set(missing.map((f) => f.package).filter((name) => name !== undefined))];
  const hasApt = (await findProgram("apt-get")) !== undefined;
  return {
    findings,
    canRunContainers: !missing.some((f) => f.isRequired),
    isFixedByInstall: hasApt && missing.every((f) => !f.isRequired || f.package !== undefined),
    ...(packages.length > 0 && hasApt
      ? { installCommand: ["apt-get", "install", "--yes", "--no-install-recommends", ...packages] }
      : {}),
    ...(cniBinDirectory === undefined ? {} : { cniBinDirectory }),
    cgroupVersion: cgroups?.name ?? "none",
  };
}

/** The report as lines of text: a mark, the name, the detail. */
export function formatReport(report: MachineReport): string {
  const width = Math.max(...report.findings.map((f) => f.name.length));
  const mark = (f: Finding): string => (f.isPresent ? "ok     " : f.isRequired ? "MISSING" : "absent ");
  return report.findings.map((f) => `${mark(f)}  ${f.name.padEnd(width)}  ${f.detail}\n`).join("");
}

function required(name: string, isPresent: boolean, detail: string): Finding {
  return { name, isPresent, isRequired: true, detail };
}

async function examineCapabilities(): Promise<readonly Finding[]> {
  const own = await ownCapabilities();
  const details: Readonly<Record<Capability, string>> = {
    netAdmin: "pod network and Services",
    sysAdmin: "mounts and namespaces",
    sysResource: "OOM scores below this process's own; clamped without it",
  };
  return (Object.keys(capabilities) as Capability[]).map((name) => ({
    name: capabilityNames[name],
    isPresent: own.has(name),
    isRequired: name !== "sysResource",
    detail: details[name],
  }));
}

async function examineProgram(program: Program): Promise<Finding> {
  const file = await findProgram(program.name);
  return {
    name: program.name,
    isPresent: file !== undefined,
    isRequired: program.isRequired,
    detail: file ?? program.use,
    package: program.package,
  };
}

/** Daemons' directories count even when a user's path lacks them. */
async function findProgram(name: string): Promise<string | undefined> {
  const directories = [...(process.env["PATH"] ?? "").split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  for (const directory of directories) {
    const file = path.join(directory || "/", name);
    if (await exists(file, constants.X_OK)) return file;
  }
  return undefined;
}

async function findCniDirectory(): Promise<string | undefined> {
  for (const directory of cniDirectories) {
    const present = await Promise.all(cniPlugins.map((plugin) => exists(path.join(directory, plugin), constants.X_OK)));
    if (present.every(Boolean)) return directory;
  }
  return undefined;
}

const overlayMagic = 0x794c7630;

/** Absent is no obstacle: layers are then copied instead of stacked. */
async function examineOverlay(directory: string): Promise<Finding> {
  const isSupported = /\toverlay$/m.test(await readFile("/proc/filesystems", "utf8").catch(() => ""));
  let at = path.resolve(directory);
  while (!(await exists(at))) at = path.dirname(at);
  const isNested = (await statfs(at)).type === overlayMagic;
  const detail = isNested
    ? `${at} is on an overlay itself: image layers are copied, which takes more space and time`
    : isSupported
      ? "image layers are stacked"
      : "not loaded yet, or not in the kernel";
  return { name: "overlayfs", isPresent: isSupported && !isNested, isRequired: false, detail };
}

async function kernelRelease(): Promise<string> {
  return (await readFile("/proc/sys/kernel/osrelease", "utf8").catch(() => "")).trim();
}

async function exists(file: string, mode: number = constants.F_OK): Promise<boolean> {
  return access(file, mode).then(
    () => true,
    () => false,
  );
}
