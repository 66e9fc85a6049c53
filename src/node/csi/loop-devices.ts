import { existsSync } from "node:fs";

import type { LoopDevices } from "../../csi/hostpath/hostpath-driver.ts";
import { execChecked } from "../exec.ts";

/** Loop devices by the system's `losetup`; undefined where the machine has none. */
export function loopDevices(): LoopDevices | undefined {
  if (!existsSync("/dev/loop-control")) return undefined;
  return {
    attach: async (file) => {
      const [present] = await devicesOf(file);
      return present ?? (await execChecked("losetup", ["--find", "--show", "--", file])).trim();
    },
    refresh: async (file) => {
      for (const device of await devicesOf(file)) await execChecked("losetup", ["--set-capacity", device]);
    },
    detach: async (file) => {
      for (const device of await devicesOf(file)) await execChecked("losetup", ["--detach", device]);
    },
  };
}

async function devicesOf(file: string): Promise<readonly string[]> {
  const text = await execChecked("losetup", ["--associated", file, "--noheadings", "--output", "NAME"]);
  return text.split("\n").filter((line) => line !== "");
}
