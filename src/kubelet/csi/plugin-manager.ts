import { backoffDelay } from "../../component-base/backoff.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import { errorText, type Logger } from "../../component-base/logger.ts";
import { csiErrorText } from "../../csi/v1/csi-error.ts";
import type { CsiNode } from "../../csi/v1/services.ts";
import type { CsiPort } from "../ports.ts";
import type { CsiNodeObject } from "./csi-node-object.ts";

export interface PluginManagerOptions {
  readonly port: CsiPort;
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly node: CsiNodeObject;
  /** Where plugins put the sockets they register by. */
  readonly directory: string;
}

interface Plugin {
  readonly name: string;
  readonly driver: CsiNode & AsyncDisposable;
}

const retry = { initialMs: 500, maxMs: 60_000 };
const supportedVersion = /^v?1\.\d+\.\d+/;

/**
 * Storage drivers as they come and go. One comes by a socket in the directory, at which it tells its name and the socket
 * of its own; it goes with that socket. Desired is the directory, actual is a map; each change, and each failure after
 * its back-off, brings the two together.
 */
export class PluginManager {
  readonly #options: PluginManagerOptions;
  /** By registration socket. */
  readonly #plugins = new Map<string, Plugin>();

  constructor(options: PluginManagerOptions) {
    this.#options = options;
  }

  /** Rejects, in upstream's words, when there is none of that name. */
  driver(name: string): CsiNode {
    for (const plugin of this.#plugins.values()) if (plugin.name === name) return plugin.driver;
    throw new Error(`driver name ${name} not found in the list of registered CSI drivers`);
  }

  /** Runs until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { port, fileSystem, directory, clock, logger } = this.#options;
    await fileSystem.makeDirectory(directory, 0o750);
    const changed = new EventSignal();
    let sockets: readonly string[] = [];
    const watching = port.watchSockets(
      directory,
      (found) => {
        sockets = found;
        changed.set();
      },
      signal,
    );
    let failures = 0;
    const reconcile = async (): Promise<void> => {
      while (!signal.aborted) {
        await changed.wait(signal);
        if (signal.aborted) return;
        const failed = await this.#reconcile(sockets);
        failures = failed.length === 0 ? 0 : failures + 1;
        if (failures === 0) continue;
        logger.warn("plugins could not be registered, will try again", { sockets: failed });
        // A plugin's own events come sooner; this is for one that is there and does not answer yet.
        await sleep(clock, backoffDelay(retry, failures), signal).catch(() => {});
        changed.set();
      }
    };
    try {
      await Promise.all([watching, reconcile()]);
    } finally {
      for (const { driver } of this.#plugins.values()) await driver[Symbol.asyncDispose]();
      this.#plugins.clear();
    }
  }

  /** Resolves to the sockets whose plugins could not be registered or removed. */
  async #reconcile(sockets: readonly string[]): Promise<readonly string[]> {
    const failed: string[] = [];
    for (const [socket, plugin] of this.#plugins) {
      if (sockets.includes(socket)) continue;
      try {
        await this.#remove(socket, plugin);
      } catch (error) {
        failed.push(`${socket}: ${errorText(error)}`);
      }
    }
    for (const socket of sockets) {
      if (this.#plugins.has(socket)) continue;
      try {
        await this.#register(socket);
      } catch (error) {
        failed.push(`${socket}: ${csiErrorText(error)}`);
      }
    }
    return failed;
  }

  async #register(socket: string): Promise<void> {
    const { port, node, logger } = this.#options;
    await using registration = port.registration(socket);
    const info = await registration.getInfo();
    const refuse = async (error: string): Promise<void> => {
      await registration.notifyRegistrationStatus({ pluginRegistered: false, error });
    };
    if (info.type !== "CSIPlugin") {
      await refuse(`no handler registered for plugin type: ${info.type} at socket ${socket}`);
      throw new Error(`plugins of type ${info.type} are not supported`);
    }
    if (!info.supportedVersions.some((version) => supportedVersion.test(version))) {
      await refuse(`failed to get highest supported version: ${info.supportedVersions.join(", ")}`);
      throw new Error(`${info.name} speaks no version 1`);
    }
    const driver = port.driver(info.endpoint === "" ? socket : info.endpoint);
    try {
      await node.add(info.name, await driver.nodeGetInfo());
    } catch (error) {
      await driver[Symbol.asyncDispose]();
      await refuse(`RegisterPlugin error -- ${csiErrorText(error)}`);
      throw error;
    }
    this.#plugins.set(socket, { name: info.name, driver });
    await registration.notifyRegistrationStatus({ pluginRegistered: true, error: "" });
    logger.info("registered a storage driver", { driver: info.name });
  }

  async #remove(socket: string, { name, driver }: Plugin): Promise<void> {
    this.#plugins.delete(socket);
    await driver[Symbol.asyncDispose]();
    // A driver that was replaced has registered by another socket.
    if ([...this.#plugins.values()].some((plugin) => plugin.name === name)) return;
    await this.#options.node.remove(name);
    this.#options.logger.info("a storage driver is gone", { driver: name });
  }
}
