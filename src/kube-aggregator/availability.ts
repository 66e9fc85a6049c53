import type { Service } from "../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../api/discovery/v1/types.gen.ts";
import type { StorageLister } from "../apiserver/registry/rest/registry-access.ts";
import { type Availability } from "./api-service.ts";
import { messageOf, RemoteServerError, type RemoteApiService, type RemoteServers } from "./remote-servers.ts";

const checkTimeoutMs = 5000;
// As many endpoints may be asked, of which one must answer.
const attempts = 5;
const defaultPort = 443;
// Of the group that may do everything, so that the answer does not depend on policy.
const checker = { name: "system:kube-aggregator", groups: ["system:masters"] };

export interface AvailabilityParts {
  readonly services: StorageLister<Service>;
  readonly endpointSlices: StorageLister<EndpointSlice>;
  readonly servers: RemoteServers;
}

/** The server is there and says why it does not answer, or will not. */
export class FailedDiscoveryCheck extends Error {
  override readonly name = "FailedDiscoveryCheck";
}

/** Whether the server behind an APIService answers, in upstream's words: first what the objects tell, then by asking it. */
export async function checkAvailability(
  object: RemoteApiService,
  parts: AvailabilityParts,
  signal: AbortSignal,
): Promise<Availability> {
  const missing = missingPart(object, parts);
  if (missing) return { status: "False", ...missing };
  const checks = Array.from({ length: attempts }, () => ask(object, parts.servers, signal));
  try {
    await Promise.any(checks);
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    return { status: "False", reason: "FailedDiscoveryCheck", message: messageOf(error.errors.at(-1)) };
  }
  return { status: "True", reason: "Passed", message: "all checks passed" };
}

function missingPart(
  { spec }: RemoteApiService,
  { services, endpointSlices }: AvailabilityParts,
): Omit<Availability, "status"> | undefined {
  const { namespace = "", name = "", port = defaultPort } = spec.service;
  const what = `service/${name} in "${namespace}"`;
  const service = services.get(namespace, name);
  if (!service) return { reason: "ServiceNotFound", message: `${what} is not present` };
  if (service.spec.type !== "ClusterIP") return undefined;
  const servicePort = service.spec.ports?.find((each) => each.port === port);
  if (!servicePort) return { reason: "ServicePortError", message: `${what} is not listening on port ${port}` };
  const slices = endpointSlices
    .list(namespace)
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name);
  if (slices.length === 0) return { reason: "EndpointsNotFound", message: `cannot find endpointslices for ${what}` };
  const portName = servicePort.name ?? "";
  const isAnyReady = slices.some(
    ({ endpoints, ports }) =>
      endpoints?.some(({ conditions }) => conditions.ready !== false) &&
      ports?.some((each) => (each.name ?? "") === portName && each.port !== undefined),
  );
  if (isAnyReady) return undefined;
  return {
    reason: "MissingEndpoints",
    message: `endpointslices for ${what} have no addresses with port name "${portName}"`,
  };
}

/** Asks for what an aggregated server must serve. */
async function ask(object: RemoteApiService, servers: RemoteServers, signal: AbortSignal): Promise<void> {
  const { group = "", version = "" } = object.spec;
  const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  let answer: { readonly url: string; readonly status: number };
  try {
    answer = await servers.get(object, path, { user: checker, timeoutMs: checkTimeoutMs, signal });
  } catch (error) {
    if (!(error instanceof RemoteServerError)) throw error;
    throw new FailedDiscoveryCheck(`failing or missing response from ${error.url}: ${error.message}`, { cause: error });
  }
  const { status, url } = answer;
  if (status >= 200 && status < 300) return;
  throw new FailedDiscoveryCheck(`failing or missing response from ${url}: bad status from ${url}: ${status}`);
}
