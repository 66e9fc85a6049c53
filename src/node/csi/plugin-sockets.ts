import { watch } from "node:fs";
import { readdir } from "node:fs/promises";
import * as path from "node:path";

import { sleep, type Clock } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { CsiPort } from "../../kubelet/ports.ts";
import { csiClient, registrationClient } from "./csi-protocol.ts";

// For file systems that tell nothing of changes.
const pollMs = 10_000;

/** Plugins of the kubelet, found by their sockets and spoken to over gRPC. */
export function pluginSockets(clock: Clock): CsiPort {
  return {
    driver: csiClient,
    registration: registrationClient,
    async watchSockets(directory, onChange, signal) {
      const changed = new EventSignal();
      const watcher = watch(directory, () => changed.set());
      try {
        while (!signal.aborted) {
          onChange(await socketsIn(directory));
          const pause = new AbortController();
          const either = AbortSignal.any([signal, pause.signal]);
          await Promise.race([changed.wait(either), sleep(clock, pollMs, either).catch(() => {})]);
          pause.abort();
        }
      } finally {
        watcher.close();
      }
    },
  };
}

async function socketsIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isSocket())
    .map((entry) => path.join(directory, entry.name))
    .sort();
}
