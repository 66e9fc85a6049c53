import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";

import { clusterControllers } from "../../cluster/run-control.ts";
import { defaultClusterConfig } from "../../cluster/config.ts";
import type { CertificateSigner } from "../../kube-controller-manager/certificates/certificate-signer.ts";
import type { RequestHeaders } from "../../kube-apiserver/authentication/request-header-authenticator.ts";
import type { TokenKey } from "../../kube-apiserver/authentication/json-web-token.ts";
import { SystemClock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import { ReloadingPair } from "../../node/pki/reloading-pair.ts";
import { componentProbes } from "../component-health.ts";
import { usualControlPorts } from "../control-ports.ts";
import { UsageError } from "../arguments.ts";
import { requiredFlag, type FlagsOf } from "../flags.ts";
import { type ApiServerSettings, serveApi, signingTokenKey, tokenKey } from "../run-apiserver.ts";
import { auditFlags, auditOf } from "./audit-flags.ts";
import { commonFlags, runAlone } from "./run-alone.ts";

const { kubeconfig: _notOfTheServer, ...serverFlags } = commonFlags;

const apiServerFlags = {
  ...serverFlags,
  ...auditFlags,
  // Ours: where the embedded store keeps its files.
  "data-dir": "string",
  "advertise-address": "string",
  "api-audiences": "list",
  "bind-address": "string",
  "cert-dir": "string",
  "client-ca-file": "string",
  "disable-admission-plugins": "list",
  "enable-priority-and-fairness": "bool",
  "encryption-provider-config": "string",
  "encryption-provider-config-automatic-reload": "bool",
  "etcd-servers": "string",
  "kubelet-certificate-authority": "string",
  "kubelet-client-certificate": "string",
  "kubelet-client-key": "string",
  "enable-aggregator-routing": "bool",
  "max-mutating-requests-inflight": "int",
  "max-requests-inflight": "int",
  "proxy-client-cert-file": "string",
  "proxy-client-key-file": "string",
  "requestheader-allowed-names": "list",
  "requestheader-client-ca-file": "string",
  "requestheader-extra-headers-prefix": "list",
  "requestheader-group-headers": "list",
  "requestheader-uid-headers": "list",
  "requestheader-username-headers": "list",
  "secure-port": "int",
  "service-account-issuer": "string",
  "service-account-key-file": "list",
  "service-account-signing-key-file": "string",
  "service-cluster-ip-range": "string",
  "service-node-port-range": "string",
  "tls-cert-file": "string",
  "tls-private-key-file": "string",
  "allow-privileged": "ignored",
  "authorization-mode": "ignored",
  "enable-admission-plugins": "ignored",
  "enable-bootstrap-token-auth": "ignored",
  "kubelet-preferred-address-types": "ignored",
} as const;

// Of the controllers the server takes only who may do what.
const rolesOnly: CertificateSigner = {
  read: () => Promise.reject(new Error("the API server reads no requests")),
  sign: () => Promise.reject(new Error("the API server signs no requests")),
};

/** `k8ts kube-apiserver`: with the embedded store. */
export function kubeApiServer(args: readonly string[]): Promise<void> {
  return runAlone("kube-apiserver", apiServerFlags, args, async (flags, signal, logger) => {
    if (flags["etcd-servers"] !== undefined) {
      throw new UsageError("--etcd-servers: only the embedded store is there; give it a directory with --data-dir");
    }
    const advertiseAddress = flags["advertise-address"];
    const issuer = flags["service-account-issuer"];
    const audiences = flags["api-audiences"];
    const kubelet = await kubeletAccess(flags, logger);
    const audit = await auditOf(flags);
    const certDir = flags["cert-dir"];
    const inCertDir =
      certDir === undefined ? {} : { cert: `${certDir}/apiserver.crt`, key: `${certDir}/apiserver.key` };
    const frontProxyClient = await proxyClient(flags, logger);
    const requestHeaders = await requestHeadersOf(flags);
    const settings = {
      storeDirectory: requiredFlag(flags, "data-dir"),
      serving: await ReloadingPair.open({
        certFile: flags["tls-cert-file"] ?? inCertDir.cert ?? requiredFlag(flags, "tls-cert-file"),
        keyFile: flags["tls-private-key-file"] ?? inCertDir.key ?? requiredFlag(flags, "tls-private-key-file"),
        clock: new SystemClock(),
        logger,
      }),
      host: flags["bind-address"] ?? "0.0.0.0",
      port: flags["secure-port"] ?? 6443,
      clientCa: await readFile(requiredFlag(flags, "client-ca-file"), "utf8"),
      ...(kubelet ? { kubelet } : {}),
      ...(frontProxyClient ? { frontProxyClient } : {}),
      ...(audit ? { audit } : {}),
      requestLimits: requestLimitsOf(flags),
      ...encryptionOf(flags),
      ...(requestHeaders ? { requestHeaders } : {}),
      routesToEndpoints: flags["enable-aggregator-routing"] ?? false,
      serviceAccountKeys: await serviceAccountKeys(flags),
      ...(issuer === undefined ? {} : { serviceAccountIssuer: issuer }),
      disabledAdmissionPlugins: flags["disable-admission-plugins"] ?? [],
      ...(audiences === undefined ? {} : { apiAudiences: audiences }),
      serviceCidr: flags["service-cluster-ip-range"] ?? "10.0.0.0/24",
      serviceNodePortRange: portRange(flags["service-node-port-range"] ?? "30000-32767"),
      ...(advertiseAddress === undefined ? {} : { advertiseAddress }),
      // Upstream's server, too, looks nowhere else.
      componentProbes: componentProbes(usualControlPorts),
      controllerRoles: clusterControllers({
        config: defaultClusterConfig,
        rootCa: "",
        dnsPort: undefined,
        certificateSigner: rolesOnly,
      }),
    };
    await serveApi(settings, signal, logger);
  });
}

function encryptionOf(flags: FlagsOf<typeof apiServerFlags>): Pick<ApiServerSettings, "encryption"> {
  const file = flags["encryption-provider-config"];
  const isReloaded = flags["encryption-provider-config-automatic-reload"] ?? false;
  if (file !== undefined) return { encryption: { file, isReloaded } };
  if (isReloaded)
    throw new UsageError("--encryption-provider-config-automatic-reload must be set with --encryption-provider-config");
  return {};
}

/** How many requests are served at once, and by which rule the others wait. */
function requestLimitsOf(flags: FlagsOf<typeof apiServerFlags>): NonNullable<ApiServerSettings["requestLimits"]> {
  const hasPriorityAndFairness = flags["enable-priority-and-fairness"] ?? true;
  const readOnlyMax = notNegative("max-requests-inflight", flags["max-requests-inflight"] ?? 400);
  const mutatingMax = notNegative("max-mutating-requests-inflight", flags["max-mutating-requests-inflight"] ?? 200);
  if (hasPriorityAndFairness && readOnlyMax + mutatingMax === 0) {
    throw new UsageError(
      "invalid configuration: MaxRequestsInFlight=0 and MaxMutatingRequestsInFlight=0; they must add up to something positive",
    );
  }
  return { hasPriorityAndFairness, readOnlyMax, mutatingMax };
}

function notNegative(flag: string, value: number): number {
  if (value < 0) throw new UsageError(`--${flag} can not be negative value`);
  return value;
}

async function proxyClient(flags: FlagsOf<typeof apiServerFlags>, logger: Logger): Promise<ReloadingPair | undefined> {
  const certFile = flags["proxy-client-cert-file"];
  const keyFile = flags["proxy-client-key-file"];
  if (certFile === undefined || keyFile === undefined) {
    if (certFile === keyFile) return undefined;
    throw new UsageError("--proxy-client-cert-file and --proxy-client-key-file belong together");
  }
  return ReloadingPair.open({ certFile, keyFile, clock: new SystemClock(), logger });
}

/** Headers are believed only from those that show a certificate of this authority. */
async function requestHeadersOf(flags: FlagsOf<typeof apiServerFlags>): Promise<RequestHeaders | undefined> {
  const caFile = flags["requestheader-client-ca-file"];
  if (caFile === undefined) return undefined;
  const lowerCase = (names: readonly string[] = []): readonly string[] => names.map((name) => name.toLowerCase());
  const usernameHeaders = lowerCase(flags["requestheader-username-headers"]);
  if (usernameHeaders.includes("")) throw new UsageError("--requestheader-username-headers: a name is empty");
  return {
    clientCa: await readFile(caFile, "utf8"),
    allowedNames: flags["requestheader-allowed-names"] ?? [],
    usernameHeaders,
    uidHeaders: lowerCase(flags["requestheader-uid-headers"]),
    groupHeaders: lowerCase(flags["requestheader-group-headers"]),
    extraHeaderPrefixes: lowerCase(flags["requestheader-extra-headers-prefix"]),
  };
}

/** `30000-32767`, or `30000+2767` with the size after the plus sign. Both ends count. */
export function portRange(text: string): { readonly min: number; readonly max: number } {
  const [, first = "", sign, second = ""] = /^(\d+)([-+])(\d+)$/.exec(text) ?? [];
  const min = Number(first);
  const max = sign === "+" ? min + Number(second) : Number(second);
  if (sign === undefined || min < 1 || max > 65_535 || max < min) {
    throw new UsageError(
      `invalid argument "${text}" for "--service-node-port-range" flag: it is not a valid port range`,
    );
  }
  return { min, max };
}

async function serviceAccountKeys(flags: FlagsOf<typeof apiServerFlags>): Promise<readonly [TokenKey, ...TokenKey[]]> {
  const signing = await readFile(requiredFlag(flags, "service-account-signing-key-file"), "utf8");
  const own = createPublicKey(signing).export({ type: "spki", format: "pem" }).toString();
  const others = await Promise.all(
    requiredFlag(flags, "service-account-key-file").map(async (file) =>
      createPublicKey(await readFile(file, "utf8"))
        .export({ type: "spki", format: "pem" })
        .toString(),
    ),
  );
  return [{ ...signingTokenKey(signing), ...tokenKey(own) }, ...others.filter((pem) => pem !== own).map(tokenKey)];
}

async function kubeletAccess(
  flags: FlagsOf<typeof apiServerFlags>,
  logger: Logger,
): Promise<ApiServerSettings["kubelet"]> {
  const [caFile, certFile, keyFile] = [
    flags["kubelet-certificate-authority"],
    flags["kubelet-client-certificate"],
    flags["kubelet-client-key"],
  ];
  if (caFile === undefined && certFile === undefined && keyFile === undefined) return undefined;
  if (caFile === undefined || certFile === undefined || keyFile === undefined) {
    throw new UsageError(
      "--kubelet-certificate-authority, --kubelet-client-certificate and --kubelet-client-key belong together",
    );
  }
  const ca = await readFile(caFile, "utf8");
  return { ca, pair: await ReloadingPair.open({ certFile, keyFile, clock: new SystemClock(), logger }) };
}
