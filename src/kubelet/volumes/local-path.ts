import { persistentVolumes } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { KubeletPorts } from "../ports.ts";

// As the local-path provisioner names them: the volume, then whose it was.
const directoryName = /^(pvc-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_/;

/**
 * Removes the directories of local-path volumes that do not exist any more: the data of a claim whose volume was
 * reclaimed. A directory is made after its volume, so one without a volume is always left over. Never rejects.
 */
export async function removeReleased(
  directory: string,
  options: {
    readonly ports: Pick<KubeletPorts, "fileSystem">;
    readonly client: ApiClient;
    readonly logger: Logger;
  },
): Promise<void> {
  if (directory === "") return;
  const { fileSystem } = options.ports;
  try {
    if ((await fileSystem.stat(directory)) === undefined) return;
    for (const entry of await fileSystem.list(directory)) {
      const volume = directoryName.exec(entry)?.[1];
      if (volume !== undefined && (await isGone(volume, options.client))) {
        await fileSystem.removeAll(`${directory}/${entry}`);
        options.logger.info("removed the directory of a reclaimed volume", { volume });
      }
    }
  } catch (error) {
    // The next round tries again.
    options.logger.warn("reclaimed volumes were not removed", { error });
  }
}

async function isGone(volume: string, client: ApiClient): Promise<boolean> {
  try {
    await client.resource(persistentVolumes).get(volume);
    return false;
  } catch (error) {
    if (isNotFound(error)) return true;
    throw error;
  }
}
