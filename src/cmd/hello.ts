import { readFile } from "node:fs/promises";
import { get } from "node:http";
import { existsSync } from "node:fs";
import * as path from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";

import { isAlreadyExists } from "../apimachinery/errors/status-error.ts";
import type { ResourceType } from "../apimachinery/resource-type.ts";
import { configMaps, deployments, pods, services } from "../api/resources.gen.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { clusterDirectory, clusterOptions, parseCommandLine } from "./arguments.ts";
import { connectAdmin } from "./connect.ts";
import { ensureNodeImage } from "./image.ts";
import { Progress } from "./progress.ts";
import { waitFor } from "./wait.ts";

const namespace = "default";
const rolloutTimeoutMs = 120_000;
const exampleTypes: readonly ResourceType[] = [configMaps, deployments, services];

/** `k8ts hello`: deploys examples/hello, waits for it, fetches it through its Service and shows what is there. */
export async function hello(args: readonly string[]): Promise<void> {
  const { values } = parseCommandLine(args, clusterOptions);
  const directory = clusterDirectory(values);
  const state = await directory.readState();
  if (!state) throw new Error(`there is no cluster in ${directory.root}; start one with k8ts up`);
  const progress = new Progress();
  progress.say("Hello example");
  if (state.runtime === "containerd") {
    await progress.step("image k8ts.local/node:24", () => ensureNodeImage(directory, state));
  }
  await using connection = await connectAdmin(directory);
  const { client } = connection;
  await progress.step("apply examples/hello/hello.yaml", () => applyExample(client));
  await progress.step("3 pods are ready", () =>
    waitFor("the Deployment hello does not become ready", rolloutTimeoutMs, () => rolledOut(client)),
  );
  if (state.runtime === "simulated") {
    progress.say("The pods are simulated, so there is nobody to answer.");
  } else {
    const answer = await progress.step("fetch it through the Service", () => fetchThroughService(client));
    progress.say(`\n${answer}`);
  }
  await printPods(client);
  process.stdout.write(nextSteps);
}

const nextSteps = `
Try next:
  kubectl get all
  kubectl scale deployment hello --replicas=10
  kubectl logs -l app=hello --prefix
  kubectl exec -it deploy/hello -- node -p 'os.hostname()'
  kubectl delete pod -l app=hello          # they come back
  npx k8ts status | npx k8ts down | npx k8ts delete
`;

function exampleFile(): string {
  // From src/cmd as well as from dist, the package's root is above.
  let directory = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(directory, "examples"))) {
    const parent = path.dirname(directory);
    if (parent === directory) throw new Error("the examples folder is not there");
    directory = parent;
  }
  return path.join(directory, "examples", "hello", "hello.yaml");
}

async function applyExample(client: ApiClient): Promise<void> {
  for (const document of parseAllDocuments(await readFile(exampleFile(), "utf8"))) {
    const object = document.toJS() as { readonly kind: string; readonly metadata: { readonly name: string } };
    const type = exampleTypes.find((t) => t.kind === object.kind);
    if (!type) throw new Error(`the example holds an unexpected ${object.kind}`);
    const resource = client.resource(type, namespace);
    try {
      await resource.create(object);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      await resource.patch(object.metadata.name, "merge", object);
    }
  }
}

async function rolledOut(client: ApiClient): Promise<true | string> {
  const { metadata, spec, status } = await client.resource(deployments, namespace).get("hello");
  const wanted = spec.replicas ?? 1;
  if (status.observedGeneration !== metadata.generation) return "the deployment controller has not seen it yet";
  const available = Math.min(status.availableReplicas ?? 0, status.updatedReplicas ?? 0);
  return available >= wanted || `${available} of ${wanted} pods available`;
}

async function fetchThroughService(client: ApiClient): Promise<string> {
  const service = await client.resource(services, namespace).get("hello");
  const url = `http://${service.spec.clusterIP}:${service.spec.ports?.[0]?.port ?? 80}/`;
  let answer = "";
  // Endpoints follow readiness by some milliseconds.
  await waitFor(`${url} does not answer`, 10_000, async () => {
    answer = await fetchText(url);
    return true;
  });
  return `$ curl ${url}\n${answer}`;
}

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: 2_000 }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve(text));
      response.on("error", reject);
    });
    request.on("timeout", () => request.destroy(new Error("no answer within 2 s")));
    request.on("error", reject);
  });
}

async function printPods(client: ApiClient): Promise<void> {
  const { items } = await client.resource(pods, namespace).list({ labelSelector: "app=hello" });
  const rows = [
    ["NAME", "READY", "STATUS", "RESTARTS", "IP", "NODE"],
    ...items.map((pod) => {
      const containers = pod.status.containerStatuses ?? [];
      return [
        pod.metadata.name,
        `${containers.filter((c) => c.ready).length}/${pod.spec.containers.length}`,
        pod.metadata.deletionTimestamp === undefined ? (pod.status.phase ?? "") : "Terminating",
        String(containers.reduce((sum, c) => sum + c.restartCount, 0)),
        pod.status.podIP ?? "<none>",
        pod.spec.nodeName ?? "<none>",
      ];
    }),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) {
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd((widths[i] ?? 0) + 3))
        .join("")
        .trimEnd()}\n`,
    );
  }
}
