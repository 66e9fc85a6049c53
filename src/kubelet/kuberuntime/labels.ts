import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import {
  containerHashAnnotation,
  containerNameLabel,
  containerPortsAnnotation,
  containerPreStopHandlerAnnotation,
  containerRestartCountAnnotation,
  containerTerminationMessagePathAnnotation,
  containerTerminationMessagePolicyAnnotation,
  podDeletionGracePeriodAnnotation,
  podNameLabel,
  podNamespaceLabel,
  podTerminationGracePeriodAnnotation,
  podUidLabel,
} from "../../cri-api/runtime/v1/labels.ts";
import type { Labels } from "../../cri-api/runtime/v1/types.ts";
import { containerHash } from "./container-hash.ts";

function identity(pod: Pod): Labels {
  return {
    [podNameLabel]: pod.metadata.name,
    [podNamespaceLabel]: pod.metadata.namespace,
    [podUidLabel]: pod.metadata.uid,
  };
}

/** The pod's own labels, with its identity over them. */
export function sandboxLabels(pod: Pod): Labels {
  return { ...pod.metadata.labels, ...identity(pod) };
}

export function containerLabels(pod: Pod, container: Container): Labels {
  return { ...identity(pod), [containerNameLabel]: container.name };
}

/** What a kubelet that starts later has to know of a container without the pod object. */
export function containerAnnotations(pod: Pod, container: Container, restartCount: number): Labels {
  const { metadata, spec } = pod;
  const out: Record<string, string> = {
    [containerHashAnnotation]: containerHash(container),
    [containerRestartCountAnnotation]: String(restartCount),
    [containerTerminationMessagePathAnnotation]: container.terminationMessagePath ?? "",
    [containerTerminationMessagePolicyAnnotation]: container.terminationMessagePolicy ?? "File",
  };
  if (metadata.deletionGracePeriodSeconds !== undefined) {
    out[podDeletionGracePeriodAnnotation] = String(metadata.deletionGracePeriodSeconds);
  }
  if (spec.terminationGracePeriodSeconds !== undefined) {
    out[podTerminationGracePeriodAnnotation] = String(spec.terminationGracePeriodSeconds);
  }
  if (container.lifecycle?.preStop)
    out[containerPreStopHandlerAnnotation] = JSON.stringify(container.lifecycle.preStop);
  if (container.ports && container.ports.length > 0) out[containerPortsAnnotation] = JSON.stringify(container.ports);
  return out;
}
