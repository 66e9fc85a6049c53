import type { Pod } from "../../src/api/core/v1/types.gen.ts";
import { pods } from "../../src/api/resources.gen.ts";
import type { ApiClient } from "../../src/client/rest/api-client.ts";
import { eventually } from "./world.ts";

/** Pods of every kind that a restart of a node's processes must not touch; about ten for each of `sets`. */
export function mixedPods(image: string, sets: number): string {
  const common = `{ name: main, image: ${image}, command: [sh, -c, "mkdir -p /www; echo ok > /www/index.html; touch /alive; exec httpd -f -p 8080 -h /www"]`;
  const template = (app: string, containers: string, rest = ""): string => `  selector: { matchLabels: { app: ${app} } }
  template:
    metadata: { labels: { app: ${app}, mixed: "true" } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - ${containers}
${rest}`;
  const http = "readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 }";
  const exec = "livenessProbe: { exec: { command: [cat, /alive] }, periodSeconds: 2 }";
  const documents = Array.from({ length: sets }, (_, i) => [
    `apiVersion: apps/v1
kind: Deployment
metadata: { name: web-${i} }
spec:
  replicas: 3
${template(`web-${i}`, `${common}, ${http}, livenessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 2 } }`)}`,
    `apiVersion: apps/v1
kind: StatefulSet
metadata: { name: state-${i} }
spec:
  serviceName: state-${i}
  replicas: 2
  podManagementPolicy: Parallel
${template(`state-${i}`, `${common}, ${exec}, startupProbe: { exec: { command: [cat, /alive] }, periodSeconds: 1 } }`)}`,
    `apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent-${i} }
spec:
${template(
  `agent-${i}`,
  `${common}, ${exec}, resources: { limits: { memory: 64Mi, cpu: 100m } }, volumeMounts: [{ name: scratch, mountPath: /scratch }] }`,
  "      volumes: [{ name: scratch, emptyDir: { medium: Memory, sizeLimit: 1Mi } }]",
)}`,
    `apiVersion: v1
kind: Pod
metadata: { name: sidecar-${i}, labels: { mixed: "true" } }
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
    - { name: once, image: ${image}, command: ["true"] }
    - { name: beside, image: ${image}, restartPolicy: Always, command: [sleep, "1000000"] }
  containers:
    - ${common}, ${http} }
    - { name: second, image: ${image}, command: [sleep, "1000000"] }
`,
    `apiVersion: v1
kind: Pod
metadata: { name: host-${i}, labels: { mixed: "true" } }
spec:
  hostNetwork: true
  terminationGracePeriodSeconds: 1
  containers: [{ name: main, image: ${image}, command: [sleep, "1000000"] }]
`,
    `apiVersion: batch/v1
kind: Job
metadata: { name: job-${i} }
spec:
  template:
    metadata: { labels: { mixed: "true" } }
    spec:
      restartPolicy: OnFailure
      terminationGracePeriodSeconds: 1
      containers: [{ name: main, image: ${image}, command: [sleep, "1000000"] }]
`,
  ]);
  return documents.flat().join("\n---\n");
}

/** What of a pod must stay as it is: identity, address, containers, restarts. */
export function identityOf(pod: Pod): string {
  const { initContainerStatuses = [], containerStatuses = [], podIP } = pod.status;
  const containers = [...initContainerStatuses, ...containerStatuses].map(
    (c) => `${c.name}=${c.containerID} restarts ${c.restartCount}`,
  );
  return `${pod.metadata.name} ${pod.metadata.uid} ${podIP} ${containers.join(", ")}`;
}

export function identities(all: readonly Pod[]): readonly string[] {
  return all.map(identityOf).sort();
}

/** Follows pods from when all of them are Ready, and notes every event in which one is not. */
export class ReadinessWatch implements AsyncDisposable {
  /** The pods as first seen. */
  readonly before: readonly Pod[];
  /** Empty while nothing has flapped. */
  readonly flaps: string[] = [];
  readonly #client: ApiClient;
  readonly #selector: string;
  readonly #stop = new AbortController();
  #done: Promise<void> = Promise.resolve();

  private constructor(client: ApiClient, selector: string, before: readonly Pod[]) {
    this.#client = client;
    this.#selector = selector;
    this.before = before;
  }

  static async start(client: ApiClient, selector: string, timeoutMs: number): Promise<ReadinessWatch> {
    let resourceVersion = "";
    let items: readonly Pod[] = [];
    await eventually(
      `all pods of ${selector} are Ready`,
      async () => {
        const list = await client.resource(pods, "default").list({ labelSelector: selector });
        resourceVersion = list.metadata.resourceVersion ?? "";
        items = list.items;
        return items.length > 0 && items.every(isReady);
      },
      timeoutMs,
    );
    const watch = new ReadinessWatch(client, selector, items);
    watch.#done = watch.#follow(resourceVersion);
    return watch;
  }

  /** The pods as they are now. */
  async now(): Promise<readonly Pod[]> {
    return (await this.#client.resource(pods, "default").list({ labelSelector: this.#selector })).items;
  }

  async #follow(resourceVersion: string): Promise<void> {
    const { signal } = this.#stop;
    try {
      const options = { signal, resourceVersion, labelSelector: this.#selector };
      for await (const event of this.#client.resource(pods, "default").watch(options)) {
        if (event.type === "BOOKMARK") continue;
        if (event.type === "ERROR") this.flaps.push(`the watch failed: ${JSON.stringify(event.object)}`);
        else if (event.type !== "MODIFIED" || !isReady(event.object))
          this.flaps.push(
            `${event.type} ${event.object.metadata.name} ${JSON.stringify(event.object.status.conditions)}`,
          );
      }
      if (!signal.aborted) this.flaps.push("the watch ended");
    } catch (error) {
      if (!signal.aborted) this.flaps.push(`the watch ended: ${String(error)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }
}

function isReady(pod: Pod): boolean {
  return pod.status.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
}
