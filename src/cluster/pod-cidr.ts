/** The `index`-th /24 of the cluster's pod range, e.g. `10.244.3.0/24`. Throws RangeError when the range has no more. */
export function nodePodCidr(clusterCidr: string, index: number): string {
  const [address = "", bits = "32"] = clusterCidr.split("/");
  const base = address.split(".").reduce((value, part) => value * 256 + Number(part), 0);
  if (index >= 2 ** (24 - Number(bits))) throw new RangeError(`${clusterCidr} has no ${index + 1} ranges for nodes`);
  const start = base + index * 256;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256).join(".")}/24`;
}
