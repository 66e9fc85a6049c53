import type { UdpFlows } from "./ports.ts";
import type { ServicePort } from "./service-ports.ts";

/**
 * Which tracked flows to a Service's addresses and node ports end at somebody who does not serve it now. The kernel would
 * go on sending them there, or nowhere, as long as the client keeps talking: UDP has no end.
 */
export function staleUdpFlows(
  tracked: readonly UdpFlows[],
  before: readonly ServicePort[],
  now: readonly ServicePort[],
): readonly UdpFlows[] {
  const serving = new Map<string, ReadonlySet<string>>();
  const nobody: ReadonlySet<string> = new Set();
  const note = (port: ServicePort, endpoints: ReadonlySet<string>): void => {
    if (port.protocol !== "udp") return;
    for (const ip of [port.clusterIp, ...port.externalIps, ...port.loadBalancerIps]) {
      serving.set(`${ip} ${port.port}`, endpoints);
    }
    if (port.nodePort !== undefined) serving.set(`* ${port.nodePort}`, endpoints);
  };
  // What is there now overrides what was.
  for (const port of before) note(port, nobody);
  for (const port of now) note(port, port.serving);
  return tracked.filter(({ destinationIp, destinationPort, endpointIp, endpointPort }) => {
    const endpoints = serving.get(`${destinationIp} ${destinationPort}`) ?? serving.get(`* ${destinationPort}`);
    return endpoints !== undefined && !endpoints.has(`${endpointIp} ${endpointPort}`);
  });
}
