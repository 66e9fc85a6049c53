import { badRequest } from "../../../../apimachinery/errors/new.ts";
import { uintProblem } from "../../../../apimachinery/go-integer.ts";
import { pods } from "../../../../api/resources.gen.ts";
import { queryFlag } from "../../../../apiserver/endpoints/request-info.ts";
import type { SubresourceRequest } from "../../../../apiserver/registry/rest/strategy.ts";
import type { HttpResponse, HttpTunnel } from "../../../../component-base/http.ts";
import { chooseContainer } from "./container-choice.ts";
import type { KubeletConnector } from "./kubelet-connector.ts";
import { kubeletUrl } from "./kubelet-connector.ts";

// The kubelet knows these options under other names. [the API's, the kubelet's]
const streams = [
  ["stdin", "input"],
  ["stdout", "output"],
  ["stderr", "error"],
  ["tty", "tty"],
] as const;

/** pods/exec and pods/attach: a tunnel from the client to the container's streams. */
export async function podStreams(
  request: SubresourceRequest,
  action: "exec" | "attach",
  connector: KubeletConnector,
): Promise<HttpResponse> {
  const { namespace, name, query } = request;
  const pod = await request.registry.resource(pods).get(namespace, name);
  if (pod.status.phase === "Succeeded" || pod.status.phase === "Failed") {
    throw badRequest(
      `cannot ${action === "exec" ? "exec into" : "attach to"} a container in a completed pod; current phase is ${pod.status.phase}`,
    );
  }
  const container = chooseContainer(pod, query.get("container") ?? "");
  const url = new URL(`${kubeletUrl(request, pod)}/${action}/${namespace}/${name}/${container}`);
  if (action === "exec") {
    const command = query.getAll("command");
    if (command.length === 0) throw badRequest("you must specify at least 1 command for the container");
    for (const word of command) url.searchParams.append("command", word);
  }
  // With no stream named, attach takes what a terminal shows.
  const asked = streams.filter(([option]) => queryFlag(query, option));
  if (asked.every(([option]) => option === "tty")) {
    throw badRequest("you must specify at least one of stdin, stdout, stderr");
  }
  for (const [, parameter] of asked) url.searchParams.set(parameter, "1");
  return tunnel(request, { url: url.href, protocol: "remotecommand", identity: connector.identity });
}

/** pods/portforward. */
export async function podPortForward(request: SubresourceRequest, connector: KubeletConnector): Promise<HttpResponse> {
  const { namespace, name, query } = request;
  const ports = query.getAll("ports").flatMap((text) => text.split(","));
  for (const port of ports) {
    const problem = uintProblem(port, 16);
    if (problem !== undefined) throw badRequest(`cannot convert to []int32: ${problem}`);
  }
  const pod = await request.registry.resource(pods).get(namespace, name);
  const url = new URL(`${kubeletUrl(request, pod)}/portForward/${namespace}/${name}`);
  if (ports.length > 0) url.searchParams.set("port", ports.join(","));
  return tunnel(request, { url: url.href, protocol: "portforward", identity: connector.identity });
}

function tunnel(request: SubresourceRequest, to: HttpTunnel): HttpResponse {
  if (!request.http.upgrade) throw badRequest("Upgrade request required");
  return { status: 101, headers: {}, tunnel: to };
}
