import type { Volume, VolumeProjection } from "../../api/core/v1/types.gen.ts";
import { goQuote } from "../../apimachinery/go-format.ts";

/** A file in a volume, and, where the volume has several sources, which of them it comes from. */
interface PlacedFile {
  readonly path: string;
  readonly source: string;
}

type Items = readonly { readonly path: string }[] | undefined;

/** What is told of volumes in which one file would be written over another, or into it. */
export function overlappingPathWarnings(volumes: readonly Volume[]): readonly string[] {
  return volumes.flatMap(({ name, configMap, secret, downwardAPI, projected }) => {
    const tell = (what: string, files: readonly PlacedFile[]): readonly string[] =>
      overlaps(files).map((pair) => `volume ${goQuote(name)} (${what}): overlapping paths: ${pair}`);
    const sources = projected?.sources ?? [];
    return [
      ...tell(`ConfigMap ${goQuote(configMap?.name ?? "")}`, filesOf(configMap?.items)),
      ...tell(`Secret ${goQuote(secret?.secretName ?? "")}`, filesOf(secret?.items)),
      ...tell("DownwardAPI", filesOf(downwardAPI?.items)),
      ...sources
        .filter((source) => Object.keys(source).length === 0)
        .map(() => `volume ${goQuote(name)} (Projected) has no sources provided`),
      ...tell("Projected", sources.flatMap(projectedFiles)),
    ];
  });
}

function filesOf(items: Items, source = ""): readonly PlacedFile[] {
  return (items ?? []).map(({ path }) => ({ path, source }));
}

function projectedFiles(projection: VolumeProjection): readonly PlacedFile[] {
  const { configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle, podCertificate } = projection;
  if (configMap?.items) return filesOf(configMap.items, `ConfigMap ${goQuote(configMap.name ?? "")}`);
  if (secret?.items) return filesOf(secret.items, `Secret ${goQuote(secret.name ?? "")}`);
  if (downwardAPI?.items) return filesOf(downwardAPI.items, "DownwardAPI");
  if (serviceAccountToken) return [{ path: serviceAccountToken.path, source: "ServiceAccountToken" }];
  if (clusterTrustBundle) {
    const name = clusterTrustBundle.name ?? clusterTrustBundle.signerName ?? "";
    return [{ path: clusterTrustBundle.path, source: `ClusterTrustBundle ${goQuote(name)}` }];
  }
  const { certificateChainPath = "", keyPath = "", credentialBundlePath = "" } = podCertificate ?? {};
  return [
    { path: certificateChainPath, source: "PodCertificate chain" },
    { path: keyPath, source: "PodCertificate key" },
    { path: credentialBundlePath, source: "PodCertificate credential bundle" },
  ].filter(({ path }) => path !== "");
}

function overlaps(files: readonly PlacedFile[]): readonly string[] {
  const placed: PlacedFile[] = [];
  const pairs: string[] = [];
  for (const { path, source } of files) {
    const file = { path: path.replace(/\/+$/, ""), source };
    for (const other of placed) if (isOver(file.path, other.path)) pairs.push(`${shown(file)} with ${shown(other)}`);
    placed.push(file);
  }
  return pairs;
}

function isOver(a: string, b: string): boolean {
  return a !== "" && b !== "" && (`${b}/`.startsWith(`${a}/`) || `${a}/`.startsWith(`${b}/`));
}

function shown({ path, source }: PlacedFile): string {
  return source === "" ? goQuote(path) : `${goQuote(path)} (${source})`;
}
