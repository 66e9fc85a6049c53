import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import { ownCapabilities } from "../../src/node/capabilities.ts";
import { execChecked } from "../../src/node/exec.ts";

// Set inside: the pid of the process outside, which names what the world makes.
const insideVariable = "K8TS_WORLD";

/** What a test finds inside its world. */
export interface World {
  /** On a tmpfs of the world's own. */
  readonly directory: string;
  /** Under it the world makes its control groups. */
  readonly cgroupRoot: string;
  readonly cniBinDirectory: string;
}

/**
 * Runs the test file that calls this in a world of its own: network, mount and process namespaces with nothing in them
 * but `lo`, and private `/run` and `/var/lib`. Everything the file starts dies with it, also by SIGKILL; a janitor
 * outside removes the control groups, which have no namespace here.
 *
 * Call it first. Outside it does not return but runs the file again, inside. Where worlds cannot be made it returns the
 * reason, for the tests' `skip`.
 */
export async function enterWorld(needs: readonly string[] = []): Promise<World | string> {
  const outer = process.env[insideVariable];
  if (outer !== undefined) return prepareInside(outer);
  const reason = await whyNot(needs);
  if (reason !== undefined) return reason;
  return runInside();
}

async function whyNot(needs: readonly string[]): Promise<string | undefined> {
  if (process.platform !== "linux") return "needs Linux";
  const own = await ownCapabilities();
  if (process.getuid?.() !== 0 || !own.has("sysAdmin") || !own.has("netAdmin")) return "needs root";
  const absent = ["unshare", "setpriv", "ip", ...needs].find((program) => spawnSync("which", [program]).status !== 0);
  return absent === undefined ? undefined : `needs ${absent}`;
}

// Waits until its input ends, which is when the test outside is gone in whatever way, then until the groups are empty.
const janitorScript = `
cat >/dev/null
for i in $(seq 200); do
  left=
  for group in "/sys/fs/cgroup/$1" /sys/fs/cgroup/*/"$1"; do
    [ -d "$group" ] || continue
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    [ -d "$group" ] && left=yes
  done
  [ -n "$left" ] || exit 0
  sleep 0.05
done`;

// As process 1 it reaps what is re-parented to it, which Node would not, and passes on being told to end.
const initScript = `"$@" & child=$!; trap 'kill $child' TERM INT; wait $child; exit $?`;

async function runInside(): Promise<never> {
  const name = worldName(String(process.pid));
  const janitor = spawn("sh", ["-c", janitorScript, "sh", name], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  const unshare = [
    "unshare",
    "--net",
    "--mount",
    "--pid",
    "--fork",
    "--kill-child=SIGKILL",
    "--mount-proc",
    "--propagation",
    "slave",
  ];
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn(
    "setpriv",
    ["--pdeathsig", "KILL", "--", ...unshare, "--", "sh", "-c", initScript, "sh", ...self],
    {
      stdio: "inherit",
      env: { ...process.env, [insideVariable]: String(process.pid) },
    },
  );
  const code = await new Promise<number>((resolve) => {
    child.on("error", () => resolve(1));
    child.on("exit", (exitCode) => resolve(exitCode ?? 1));
  });
  const cleaned = new Promise((resolve) => janitor.on("exit", resolve));
  janitor.stdin.end();
  await cleaned;
  process.exit(code);
}

async function prepareInside(outer: string): Promise<World> {
  await execChecked("ip", ["link", "set", "lo", "up"]);
  for (const path of ["/run", "/var/lib"]) await execChecked("mount", ["-t", "tmpfs", "tmpfs", path]);
  const directory = "/run/world";
  mkdirSync(directory);
  mkdirSync("/run/netns");
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
  const cniBinDirectory = ["/usr/lib/cni", "/opt/cni/bin"].find((path) => existsSync(`${path}/ptp`)) ?? "/usr/lib/cni";
  return { directory, cgroupRoot: `/${worldName(outer)}`, cniBinDirectory };
}

function worldName(outerPid: string): string {
  return `k8ts-world-${outerPid}`;
}

/** Looks until `claim` holds. For what has no event to wait for; everything else is awaited. */
export async function eventually(what: string, claim: () => Promise<boolean>, timeoutMs = 10_000): Promise<void> {
  for (const end = performance.now() + timeoutMs; !(await claim());) {
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(20);
  }
}
