import { csiNodes, nodes } from "../../api/resources.gen.ts";
import type { CSINode, CSINodeDriver } from "../../api/storage/v1/types.gen.ts";
import { isAlreadyExists, isConflict, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { NodeInfo } from "../../csi/v1/types.ts";

const nodeIdAnnotation = "csi.volume.kubernetes.io/nodeid";
const attemptsMax = 5;

/** The node's side of storage drivers in the API: its CSINode, the Node's annotation with driver ids, topology labels. */
export class CsiNodeObject {
  readonly #client: ApiClient;
  readonly #nodeName: string;
  readonly #options: { readonly signal: AbortSignal };

  /** Requests end with the signal. */
  constructor(client: ApiClient, nodeName: string, signal: AbortSignal) {
    this.#client = client;
    this.#nodeName = nodeName;
    this.#options = { signal };
  }

  /** Creates the CSINode, without drivers, when there is none. */
  async ensure(): Promise<CSINode> {
    const csiNode = this.#client.resource(csiNodes);
    try {
      return await csiNode.get(this.#nodeName, this.#options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    const { uid, name } = (await this.#client.resource(nodes).get(this.#nodeName, this.#options)).metadata;
    const metadata = { name, ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid }] };
    try {
      return await csiNode.create({ metadata, spec: { drivers: [] } }, this.#options);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      return csiNode.get(this.#nodeName, this.#options);
    }
  }

  /** Tells of a driver, in place of what was told of it before. Rejects when the Node has another value for its topology. */
  async add(driver: string, { nodeId, maxVolumesPerNode, accessibleTopology }: NodeInfo): Promise<void> {
    const segments = accessibleTopology?.segments ?? {};
    await this.#updateNode(driver, nodeId, segments);
    await this.#updateDrivers((drivers) => [
      ...drivers.filter(({ name }) => name !== driver),
      {
        name: driver,
        nodeID: nodeId,
        topologyKeys: Object.keys(segments).sort(),
        ...(maxVolumesPerNode > 0 ? { allocatable: { count: maxVolumesPerNode } } : {}),
      },
    ]);
  }

  async remove(driver: string): Promise<void> {
    await this.#updateDrivers((drivers) => drivers.filter(({ name }) => name !== driver));
    await this.#updateNode(driver, undefined, {});
  }

  async #updateDrivers(change: (drivers: readonly CSINodeDriver[]) => readonly CSINodeDriver[]): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const found = await this.ensure();
      const drivers = change(found.spec.drivers);
      if (JSON.stringify(drivers) === JSON.stringify(found.spec.drivers)) return;
      try {
        await this.#client.resource(csiNodes).update({ ...found, spec: { drivers } }, this.#options);
        return;
      } catch (error) {
        if (!isConflict(error) || attempt === attemptsMax) throw error;
      }
    }
  }

  async #updateNode(
    driver: string,
    nodeId: string | undefined,
    segments: Readonly<Record<string, string>>,
  ): Promise<void> {
    const { metadata } = await this.#client.resource(nodes).get(this.#nodeName, this.#options);
    for (const [key, value] of Object.entries(segments)) {
      const present = metadata.labels?.[key];
      if (present !== undefined && present !== value) {
        throw new Error(
          `detected topology value collision: driver reported "${key}":"${value}" but existing label is "${key}":"${present}"`,
        );
      }
    }
    const ids = JSON.parse(metadata.annotations?.[nodeIdAnnotation] ?? "{}") as Record<string, string>;
    if (nodeId === undefined) delete ids[driver];
    else ids[driver] = nodeId;
    const annotation = Object.keys(ids).length === 0 ? null : JSON.stringify(ids);
    const patch = { metadata: { labels: segments, annotations: { [nodeIdAnnotation]: annotation } } };
    await this.#client.resource(nodes).patch(this.#nodeName, "merge", patch, this.#options);
  }
}
