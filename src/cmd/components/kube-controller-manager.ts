import { readFile } from "node:fs/promises";

import { runControllerManager } from "../../cluster/run-control.ts";
import { kubeControllers } from "../../kube-controller-manager/controllers.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { AuthorityCertificateSigner } from "../../node/pki/certificate-signer.ts";
import type { KeyPair } from "../../node/pki/certificates.ts";
import { usualControlPorts } from "../control-ports.ts";
import { UsageError } from "../arguments.ts";
import { requiredFlag, type FlagsOf } from "../flags.ts";
import { leaderElectionOf } from "../leader-election-flags.ts";
import { controllerConfigFlags, controllerOptionsOf } from "./component-config.ts";
import { leaderElectionFlags, leaderElectionValues } from "./leader-election.ts";
import { secureServing, secureServingFlags } from "./secure-serving.ts";
import { commonFlags, environmentOf, readKubeconfigFile, runAlone } from "./run-alone.ts";

const controllerManagerFlags = {
  ...commonFlags,
  ...leaderElectionFlags,
  ...controllerConfigFlags,
  controllers: "list",
  "root-ca-file": "string",
  "allocate-node-cidrs": "bool",
  "cluster-cidr": "string",
  "cluster-signing-cert-file": "string",
  "cluster-signing-key-file": "string",
  "cluster-signing-kubelet-serving-cert-file": "string",
  "cluster-signing-kubelet-serving-key-file": "string",
  // It waits for the very moment a node is overdue.
  "node-monitor-period": "ignored",
  // Tokens are signed by the API server's TokenRequest.
  "service-account-private-key-file": "ignored",
  "use-service-account-credentials": "ignored",
  ...secureServingFlags,
  "client-ca-file": "ignored",
  "requestheader-client-ca-file": "ignored",
  "cluster-name": "ignored",
  "service-cluster-ip-range": "ignored",
} as const;

type Flags = FlagsOf<typeof controllerManagerFlags>;

/** `k8ts kube-controller-manager`. */
export function kubeControllerManager(args: readonly string[]): Promise<void> {
  return runAlone("kube-controller-manager", controllerManagerFlags, args, async (flags, signal, logger) => {
    await using stack = new AsyncDisposableStack();
    const options = await readKubeconfigFile(requiredFlag(flags, "kubeconfig"));
    const environment = environmentOf(options, stack, logger);
    const rootCa = flags["root-ca-file"] === undefined ? options.ca : await readFile(flags["root-ca-file"], "utf8");
    const serving = await secureServing(
      { name: "kube-controller-manager", port: usualControlPorts.controllerManager, logger },
      flags,
    );
    if (serving) stack.use(serving);
    const leaderElection = leaderElectionOf(leaderElectionValues(flags));
    const signer = await signerOf(flags);
    const controllers = chosenControllers(
      kubeControllers({
        rootCa,
        ...(signer ? { certificateSigner: signer } : {}),
        ...(flags["allocate-node-cidrs"] ? { clusterCidr: requiredFlag(flags, "cluster-cidr") } : {}),
        ...controllerOptionsOf(flags),
      }),
      flags.controllers ?? ["*"],
    );
    await runControllerManager({ ...environment, controllers, ...(leaderElection ? { leaderElection } : {}) }, signal);
  });
}

/** `*`, `name` and `-name`, as upstream's --controllers. */
export function chosenControllers(
  all: readonly ControllerDescriptor[],
  chosen: readonly string[],
): readonly ControllerDescriptor[] {
  for (const name of chosen) {
    const bare = name.replace(/^-/, "");
    if (bare !== "*" && !all.some((c) => c.name === bare))
      throw new UsageError(`"${bare}" is not in the list of known controllers`);
  }
  return all.filter(({ name }) => !chosen.includes(`-${name}`) && (chosen.includes("*") || chosen.includes(name)));
}

async function signerOf(flags: Flags): Promise<AuthorityCertificateSigner | undefined> {
  const pair = async (cert: string | undefined, key: string | undefined): Promise<KeyPair | undefined> => {
    if (cert === undefined || key === undefined) return undefined;
    const [certPem, keyPem] = await Promise.all([readFile(cert, "utf8"), readFile(key, "utf8")]);
    return { cert: certPem, key: keyPem };
  };
  const clientCa = await pair(flags["cluster-signing-cert-file"], flags["cluster-signing-key-file"]);
  if (!clientCa) return undefined;
  const servingCa = await pair(
    flags["cluster-signing-kubelet-serving-cert-file"],
    flags["cluster-signing-kubelet-serving-key-file"],
  );
  return new AuthorityCertificateSigner({ clientCa, servingCa: servingCa ?? clientCa });
}
