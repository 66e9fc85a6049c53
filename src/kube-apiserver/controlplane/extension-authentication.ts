import { configMaps } from "../../api/resources.gen.ts";
import type { RequestHeaders } from "../authentication/request-header-authenticator.ts";
import type { SystemWriter } from "./system-writer.ts";

/** Where aggregated servers read whose client certificates to trust, and whom a front proxy's headers name. */
export const extensionAuthentication = { name: "extension-apiserver-authentication", namespace: "kube-system" };

const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Writes the ConfigMap; what other servers of this cluster have added to it stays. */
export async function publishExtensionAuthentication(
  writer: SystemWriter,
  trust: { readonly clientCa?: string; readonly requestHeaders?: RequestHeaders },
): Promise<void> {
  const { clientCa, requestHeaders } = trust;
  if (clientCa === undefined && !requestHeaders) return;
  const bundles: Record<string, string> = clientCa === undefined ? {} : { "client-ca-file": clientCa };
  const lists: Record<string, readonly string[]> = {};
  if (requestHeaders) {
    bundles["requestheader-client-ca-file"] = requestHeaders.clientCa;
    lists["requestheader-allowed-names"] = requestHeaders.allowedNames;
    lists["requestheader-extra-headers-prefix"] = requestHeaders.extraHeaderPrefixes.map(headerName);
    lists["requestheader-group-headers"] = requestHeaders.groupHeaders.map(headerName);
    lists["requestheader-username-headers"] = requestHeaders.usernameHeaders.map(headerName);
    if (requestHeaders.uidHeaders.length > 0)
      lists["requestheader-uid-headers"] = requestHeaders.uidHeaders.map(headerName);
  }
  await writer.reconcile(configMaps, { metadata: extensionAuthentication, data: {} }, (object) => {
    const data: Record<string, string> = { ...object.data };
    for (const [key, bundle] of Object.entries(bundles)) data[key] = joined(data[key], bundle);
    for (const [key, values] of Object.entries(lists))
      data[key] = JSON.stringify([...new Set([...listIn(data[key]), ...values])]);
    object.data = data;
  });
}

/** The certificates of both, each once. */
function joined(present: string | undefined, bundle: string): string {
  const all = `${present ?? ""}\n${bundle}`.match(certificate) ?? [];
  return [...new Set(all)].map((block) => `${block}\n`).join("");
}

function listIn(text: string | undefined): readonly string[] {
  if (!text) return [];
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) ? parsed.filter((each) => typeof each === "string") : [];
  } catch {
    // Somebody else's scribbles are replaced.
    return [];
  }
}

/** `x-remote-user` → `X-Remote-User`, as flags and manifests write it. */
function headerName(lowerCase: string): string {
  return lowerCase.replaceAll(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
}
