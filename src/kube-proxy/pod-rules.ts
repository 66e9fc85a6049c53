import type { Namespace, Pod } from "../api/core/v1/types.gen.ts";
import type { NetworkPolicy } from "../api/networking/v1/types.gen.ts";
import { namespaces, networkPolicies, pods } from "../api/resources.gen.ts";
import { objectKey } from "../client/cache/object-key.ts";
import type { InformerFactory, SharedInformer } from "../client/cache/shared-informer.ts";
import type { Clock } from "../component-base/clock.ts";
import { EventSignal } from "../component-base/event-signal.ts";
import type { Logger } from "../component-base/logger.ts";
import { familyOf } from "./families.ts";
import { hostPortRules, hostPortTableBase } from "./host-ports.ts";
import { CompiledPolicies, PolicyNames, policyPod, policyTableBase, type PolicyConfig } from "./network-policy.ts";
import type { LoopbackRouting, RulesetApplier } from "./ports.ts";
import { RuleTable } from "./rule-table.ts";
import { runSyncLoop } from "./sync-loop.ts";

export interface PodRulesOptions {
  readonly nodeName: string;
  /** Names of the nftables tables. */
  readonly hostPortTable: string;
  readonly policyTable: string;
  /** Of the Service `kube-dns`; decides the address family, too. */
  readonly dnsServiceIp: string;
  readonly informers: InformerFactory;
  readonly applier: RulesetApplier;
  readonly loopback: LoopbackRouting;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The rules a node has because of pods: host ports of its own, and network policies. One address family. */
export class PodRules {
  readonly #options: PodRulesOptions;
  readonly #pods: SharedInformer<Pod>;
  readonly #namespaces: SharedInformer<Namespace>;
  readonly #policies: SharedInformer<NetworkPolicy>;
  readonly #changed = new EventSignal();
  readonly #dirtyPods = new Set<string>();
  readonly #config: PolicyConfig;
  readonly #names = new PolicyNames();
  readonly #hostPorts: RuleTable;
  readonly #policyRules: RuleTable;
  /** Undefined when a policy changed. */
  #compiled: CompiledPolicies | undefined;
  #hasSynced = false;

  constructor(options: PodRulesOptions) {
    this.#options = options;
    const family = familyOf(options.dnsServiceIp);
    this.#config = { family, table: options.policyTable, dns: dnsAsPod(options.dnsServiceIp) };
    this.#hostPorts = new RuleTable(
      `${family.nft} ${options.hostPortTable}`,
      hostPortTableBase(family, options.hostPortTable),
    );
    this.#policyRules = new RuleTable(`${family.nft} ${options.policyTable}`, policyTableBase(this.#config));
    this.#pods = options.informers.for(pods);
    this.#namespaces = options.informers.for(namespaces);
    this.#policies = options.informers.for(networkPolicies);
    const markPod = (pod: Pod): void => this.#mark([objectKey(pod)]);
    this.#pods.addEventHandler({
      onAdd: markPod,
      onUpdate: (previous, current) => {
        if (concernsRules(previous, current)) markPod(current);
      },
      onDelete: markPod,
    });
    const markNamespace = ({ metadata: { name } }: Namespace): void => {
      // Policies may let out to cluster DNS by its namespace's labels.
      if (name === this.#config.dns.namespace) this.#compiled = undefined;
      this.#mark(this.#pods.lister.list(name).map(objectKey));
    };
    this.#namespaces.addEventHandler({
      onAdd: markNamespace,
      onUpdate: (previous, current) => {
        if (JSON.stringify(previous.metadata.labels) !== JSON.stringify(current.metadata.labels))
          markNamespace(current);
      },
    });
    const recompile = (): void => {
      this.#compiled = undefined;
      this.#changed.set();
    };
    this.#policies.addEventHandler({ onAdd: recompile, onUpdate: recompile, onDelete: recompile });
  }

  /** True once the rules of all pods and policies known at the start are in force. */
  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Syncs on every change until the signal aborts. The rules stay in force afterwards. */
  async run(signal: AbortSignal): Promise<void> {
    const { informers, clock, logger } = this.#options;
    await informers.waitForSync(signal);
    this.#changed.set();
    await runSyncLoop({
      what: "host ports and network policies",
      changed: this.#changed,
      sync: () => this.#sync(),
      onFailure: () => {
        this.#hostPorts.forget();
        this.#policyRules.forget();
      },
      clock,
      logger,
      signal,
    });
  }

  #mark(keys: readonly string[]): void {
    for (const key of keys) this.#dirtyPods.add(key);
    this.#changed.set();
  }

  async #sync(): Promise<void> {
    const compiled = (this.#compiled ??= this.#compile());
    const dirty = [...this.#dirtyPods];
    this.#dirtyPods.clear();
    for (const key of dirty) this.#refresh(key, compiled);
    const served = dirty.filter((key) => this.#hostPorts.has(key)).map((key) => this.#pods.lister.getByKey(key));
    const script = this.#hostPorts.transaction() + this.#policyRules.transaction();
    if (script !== "") await this.#options.applier.apply(script);
    this.#hostPorts.applied();
    this.#policyRules.applied();
    for (const pod of served) if (pod?.status.podIP) await this.#options.loopback.allowTo(pod.status.podIP);
    this.#hasSynced = true;
  }

  #compile(): CompiledPolicies {
    const labels = this.#labelsOf(this.#config.dns.namespace);
    const compiled = new CompiledPolicies(this.#policies.lister.list(), this.#config, this.#names, labels);
    // The name cannot be a pod's: those have a slash.
    this.#policyRules.set("policies", compiled.setRules);
    for (const pod of this.#pods.lister.list()) this.#dirtyPods.add(objectKey(pod));
    return compiled;
  }

  #refresh(key: string, compiled: CompiledPolicies): void {
    const { nodeName } = this.#options;
    const { family } = this.#config;
    const pod = this.#pods.lister.getByKey(key);
    const isOwn = pod?.spec.nodeName === nodeName;
    this.#hostPorts.set(key, pod && isOwn ? hostPortRules(pod, family) : undefined);
    const seen = pod && policyPod(pod, nodeName, family);
    this.#policyRules.set(key, seen && compiled.podRules(seen, this.#labelsOf(seen.namespace)));
  }

  #labelsOf(namespace: string): Readonly<Record<string, string>> {
    return this.#namespaces.lister.get(undefined, namespace)?.metadata.labels ?? {};
  }
}

function concernsRules(previous: Pod, current: Pod): boolean {
  return (
    previous.status.phase !== current.status.phase ||
    previous.spec.nodeName !== current.spec.nodeName ||
    JSON.stringify(previous.status.podIPs) !== JSON.stringify(current.status.podIPs) ||
    JSON.stringify(previous.metadata.labels) !== JSON.stringify(current.metadata.labels)
  );
}

/** As CoreDNS' pods would look; policies are written against those. */
function dnsAsPod(ip: string): PolicyConfig["dns"] {
  const namedPorts = [
    { name: "dns", protocol: "udp", port: 53 },
    { name: "dns-tcp", protocol: "tcp", port: 53 },
  ];
  return { namespace: "kube-system", labels: { "k8s-app": "kube-dns" }, ip, namedPorts, isLocal: false };
}
