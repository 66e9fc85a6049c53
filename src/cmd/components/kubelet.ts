import { access, mkdir, readFile } from "node:fs/promises";
import { hostname } from "node:os";
import * as path from "node:path";

import { CertificateManager } from "../../client/certificate/certificate-manager.ts";
import { singleContextKubeconfig } from "../../client/clientcmd/kubeconfig.ts";
import { createApiClient } from "../../client/rest/rest-client.ts";
import { defaultClusterConfig } from "../../cluster/config.ts";
import { runKubelet } from "../../cluster/run-node.ts";
import { kubernetesVersion } from "../../cluster/version.ts";
import type { Logger } from "../../component-base/logger.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import { kubeletClientSigner, kubeletServingSigner } from "../../kube-controller-manager/certificates/signer-rules.ts";
import { kubeletConfigFrom } from "../../kubelet/config/kubelet-configuration.ts";
import { createCgroupManager } from "../../node/cgroups/cgroup-manager.ts";
import { runtimeWithImageVolumes } from "../../node/containerd/image-volume-runtime.ts";
import { ContainerdEvents } from "../../node/cri-client/containerd-events.ts";
import { CriImageService } from "../../node/cri-client/cri-client.ts";
import { CriConnection } from "../../node/cri-client/cri-connection.ts";
import { pluginSockets } from "../../node/csi/plugin-sockets.ts";
import { LinuxDisks } from "../../node/disks.ts";
import { LinuxHostInfo, primaryAddress } from "../../node/host-info.ts";
import { startHttpServer } from "../../node/http-server.ts";
import { makeShared, SystemMounter } from "../../node/mounts.ts";
import { SocketNetworkProber } from "../../node/network-prober.ts";
import { NodeFileSystem } from "../../node/node-file-system.ts";
import { certificateFile } from "../../node/pki/certificate-files.ts";
import { certificateTools } from "../../node/pki/certificate-tools.ts";
import { createCertificateAuthority } from "../../node/pki/certificates.ts";
import { refuseSwap } from "../../node/swap.ts";
import { createTunnelRunner } from "../../node/streaming/tunnel.ts";
import { UsageError } from "../arguments.ts";
import { requiredFlag, type FlagsOf } from "../flags.ts";
import { writeKubeconfig } from "../kubeconfig.ts";
import {
  checkNodeLabels,
  kubeletConfigFlags,
  kubeletPlaceFlags,
  readKubeletConfiguration,
} from "./kubelet-configuration.ts";
import { commonFlags, environmentOf, type KubeconfigAccess, readKubeconfigFile, runAlone } from "./run-alone.ts";

const kubeletFlags = {
  ...commonFlags,
  ...kubeletConfigFlags,
  ...kubeletPlaceFlags,
  "bootstrap-kubeconfig": "string",
  "cert-dir": "string",
  "hostname-override": "string",
  "node-ip": "string",
  "root-dir": "string",
  "anonymous-auth": "ignored",
  "authentication-token-webhook": "ignored",
  "authorization-mode": "ignored",
  "cgroup-driver": "ignored",
  "cloud-provider": "ignored",
  "healthz-bind-address": "ignored",
  "healthz-port": "ignored",
  "read-only-port": "ignored",
} as const;

type Flags = FlagsOf<typeof kubeletFlags>;

/** `k8ts kubelet`: over a container runtime that runs already. */
export function kubelet(args: readonly string[]): Promise<void> {
  return runAlone("kubelet", kubeletFlags, args, async (flags, signal, logger) => {
    checkNodeLabels(flags["node-labels"]);
    const configuration = await readKubeletConfiguration(flags);
    const { authentication, tlsCertFile, tlsPrivateKeyFile, address, port } = configuration;
    if (configuration.failSwapOn) await refuseSwap();
    await using stack = new AsyncDisposableStack();
    const tasks = stack.use(new TaskGroup({ parent: signal }));
    const nodeName = (flags["hostname-override"] ?? hostname()).toLowerCase();
    const certificates = flags["cert-dir"] ?? "/var/lib/kubelet/pki";
    const options = await credentials(flags, nodeName, certificates, signal, logger);
    const environment = environmentOf(options, stack, logger);
    const { clock, random } = environment;
    const client = createApiClient({ transport: environment.transport, userAgent: "kubelet", clock, random });
    const user = `system:node:${nodeName}`;
    const shared = { client, clock, random, logger, tools: certificateTools };
    if (configuration.rotateCertificates && options.cert !== undefined) {
      const manager = new CertificateManager({
        ...shared,
        ...clientRequest(user),
        store: certificateFile(certificates, clientFile),
        onChange: ({ cert, key }) => environment.transport.setCertificate(cert, key),
      });
      tasks.spawn((running) => manager.run(running));
    }
    const ip = flags["node-ip"] ?? (await primaryAddress());
    const socket = runtimeSocket(configuration.containerRuntimeEndpoint);
    const rootDirectory = flags["root-dir"] ?? "/var/lib/kubelet";
    const pods = path.join(rootDirectory, "pods");
    await mkdir(pods, { recursive: true, mode: 0o750 });
    await makeShared(pods);
    const connection = stack.use(new CriConnection(socket));
    const { clientCAFile } = authentication.x509;
    const clientCa = clientCAFile === "" ? undefined : await readFile(clientCAFile, "utf8");
    await runKubelet(
      {
        ...environment,
        nodeName,
        config: defaultClusterConfig,
        runtime: await runtimeWithImageVolumes(
          { connection, socketPath: socket, directory: path.join(rootDirectory, "image-volumes") },
          stack,
        ),
        images: new CriImageService(connection),
        runtimeEvents: stack.use(new ContainerdEvents({ socketPath: socket, clock, logger })),
        ports: {
          fileSystem: new NodeFileSystem(),
          cgroups: createCgroupManager({
            root: configuration.cgroupRoot === "" ? "/kubepods" : configuration.cgroupRoot,
            clock,
            logger,
          }),
          mounter: new SystemMounter(),
          disks: new LinuxDisks(),
          csi: pluginSockets(clock),
          prober: new SocketNetworkProber(),
          host: new LinuxHostInfo({ nodeName, nodeIps: [ip], directory: rootDirectory, clock }),
        },
        kubelet: {
          ...kubeletConfigFrom(configuration),
          rootDirectory,
          kubeletVersion: kubernetesVersion.gitVersion,
          ...(flags["node-labels"] ? { nodeLabels: flags["node-labels"] } : {}),
        },
        serveKubelet: async (handler) => {
          const own =
            tlsCertFile !== "" && tlsPrivateKeyFile !== ""
              ? { cert: await readFile(tlsCertFile, "utf8"), key: await readFile(tlsPrivateKeyFile, "utf8") }
              : undefined;
          const manager = new CertificateManager({
            ...shared,
            name: "kubelet serving",
            signerName: kubeletServingSigner,
            usages: ["digital signature", "server auth"],
            template: () => ({
              commonName: user,
              organizations: ["system:nodes"],
              dnsNames: [nodeName],
              ipAddresses: [ip],
            }),
            store: certificateFile(certificates, "kubelet-server-current"),
            onChange: ({ cert, key }) => server.setCertificate(cert, key),
          });
          const isRotated = own === undefined && configuration.serverTLSBootstrap;
          const serving =
            own ??
            (isRotated ? await manager.load() : undefined) ??
            (await createCertificateAuthority(user, 365, clock.now()));
          const server = await startHttpServer({
            handler,
            tls: { ...serving, ...(clientCa === undefined ? {} : { clientCa }) },
            host: address,
            port,
            runTunnel: createTunnelRunner({ tls: () => ({ ca: options.ca }), logger }),
            logger,
          });
          if (isRotated) tasks.spawn((running) => manager.run(running));
          return server;
        },
      },
      signal,
    );
  });
}

const clientFile = "kubelet-client-current";

function clientRequest(user: string) {
  return {
    name: "kubelet client",
    signerName: kubeletClientSigner,
    usages: ["digital signature", "client auth"] as const,
    template: () => ({ commonName: user, organizations: ["system:nodes"], dnsNames: [], ipAddresses: [] }),
  };
}

/** The kubeconfig's credentials. Where there is no kubeconfig yet, one is made from what the bootstrap kubeconfig may ask for. */
async function credentials(
  flags: Flags,
  nodeName: string,
  certificates: string,
  signal: AbortSignal,
  logger: Logger,
): Promise<KubeconfigAccess> {
  const file = requiredFlag(flags, "kubeconfig");
  const bootstrap = flags["bootstrap-kubeconfig"];
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (exists || bootstrap === undefined) return readKubeconfigFile(file);
  const options = await readKubeconfigFile(bootstrap);
  await using stack = new AsyncDisposableStack();
  const { transport, clock, random } = environmentOf(options, stack, logger);
  const manager = new CertificateManager({
    ...clientRequest(`system:node:${nodeName}`),
    client: createApiClient({ transport, userAgent: "kubelet", clock, random }),
    store: certificateFile(certificates, clientFile),
    tools: certificateTools,
    clock,
    random,
    logger,
  });
  await manager.start(signal);
  await writeKubeconfig(
    file,
    singleContextKubeconfig({
      name: "default",
      cluster: {
        server: options.url,
        "certificate-authority-data": Buffer.from(options.ca).toString("base64"),
      },
      user: {
        "client-certificate": path.join(certificates, `${clientFile}.crt`),
        "client-key": path.join(certificates, `${clientFile}.key`),
      },
    }),
  );
  return readKubeconfigFile(file);
}

function runtimeSocket(endpoint: string): string {
  const [, socket] = /^(?:unix:\/\/)?(\/.+)$/.exec(endpoint) ?? [];
  if (socket === undefined) throw new UsageError(`--container-runtime-endpoint must be unix:///PATH: ${endpoint}`);
  return socket;
}
