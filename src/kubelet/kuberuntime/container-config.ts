import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import type { ContainerConfig, Device, Image, KeyValue, Mount } from "../../cri-api/runtime/v1/types.ts";
import { expand } from "../environment/expansion.ts";
import { containerAnnotations, containerLabels } from "./labels.ts";
import { containerLinuxResources } from "./linux-resources.ts";
import { containerSecurityContext, type SeccompSettings } from "./security-context.ts";

export interface ContainerConfigInput {
  readonly image: Image;
  readonly restartCount: number;
  readonly environment: readonly KeyValue[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly memoryCapacityBytes: number;
  readonly seccomp: SeccompSettings;
  /** The container whose process namespace it shares. */
  readonly targetId?: string;
}

/** What the runtime is told of a container. Pure. */
export function containerConfig(pod: Pod, container: Container, input: ContainerConfigInput): ContainerConfig {
  const { environment, restartCount, image } = input;
  const variables = new Map(environment.map((v) => [v.key, v.value]));
  const expandAll = (texts: readonly string[] | undefined): string[] =>
    (texts ?? []).map((text) => expand(text, (name) => variables.get(name)));
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: { image: image.id, userSpecifiedImage: container.image ?? "" },
    command: expandAll(container.command),
    args: expandAll(container.args),
    workingDir: container.workingDir ?? "",
    envs: environment,
    mounts: input.mounts,
    devices: input.devices,
    labels: containerLabels(pod, container),
    annotations: containerAnnotations(pod, container, restartCount),
    logPath: `${container.name}/${restartCount}.log`,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    linux: {
      resources: containerLinuxResources(pod, container, input.memoryCapacityBytes),
      securityContext: containerSecurityContext(pod, container, input),
    },
  };
}
