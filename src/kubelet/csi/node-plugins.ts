import { csiDrivers, nodes } from "../../api/resources.gen.ts";
import type { InformerFactory } from "../../client/cache/shared-informer.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { CsiPort, KubeletPorts } from "../ports.ts";
import { CsiNodeObject } from "./csi-node-object.ts";
import { CsiVolumes } from "./csi-volumes.ts";
import { PluginManager } from "./plugin-manager.ts";

export interface CsiOptions {
  readonly port: CsiPort;
  readonly informers: InformerFactory;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: EventRecorder;
  readonly nodeName: string;
  readonly rootDirectory: string;
  readonly ports: Pick<KubeletPorts, "fileSystem" | "mounter">;
  /** Writes the node's volumes in use into its status at once. */
  readonly reportInUse: (signal: AbortSignal) => Promise<void>;
  /** Ends what is asked of the API on behalf of volumes. */
  readonly signal: AbortSignal;
}

// How soon the API is asked again for what drivers need there.
const retryMs = 1_000;

/** The storage drivers of a node and their volumes. */
export class NodePlugins {
  readonly volumes: CsiVolumes;
  readonly #options: CsiOptions;
  readonly #plugins: PluginManager;
  readonly #node: CsiNodeObject;

  constructor(options: CsiOptions) {
    this.#options = options;
    const { port, informers, signal, client, clock, logger, recorder, nodeName, rootDirectory, ports } = options;
    const { fileSystem, mounter } = ports;
    const driverObjects = informers.for(csiDrivers);
    const node = (this.#node = new CsiNodeObject(client, nodeName, signal));
    const directory = `${rootDirectory}/plugins_registry`;
    const plugins = (this.#plugins = new PluginManager({ port, fileSystem, clock, logger, node, directory }));
    this.volumes = new CsiVolumes({
      signal,
      fileSystem,
      mounter,
      client,
      clock,
      logger,
      recorder,
      nodeName,
      rootDirectory,
      driver: (name) => plugins.driver(name),
      driverObject: (name) => driverObjects.lister.getByKey(name),
      reportInUse: options.reportInUse,
      volumesAttached: async (running) => {
        const { status } = await client.resource(nodes).get(nodeName, { signal: running });
        return (status?.volumesAttached ?? []).map(({ name }) => name);
      },
    });
  }

  /** Storage drivers are told of in the API, and so wait for the node to be there. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    for (;;) {
      try {
        await this.#node.ensure();
        break;
      } catch (error) {
        if (signal.aborted) return;
        logger.debug("the CSINode could not be created yet", { error });
        await sleep(clock, retryMs, signal);
      }
    }
    await this.#plugins.run(signal);
  }
}
