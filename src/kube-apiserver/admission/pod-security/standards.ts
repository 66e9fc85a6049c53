import type {
  Container,
  LifecycleHandler,
  PodSecurityContext,
  PodSpec,
  Probe,
  SecurityContext,
  Volume,
} from "../../../api/core/v1/types.gen.ts";
import { goQuote } from "../../../apimachinery/go-format.ts";
import type { LevelVersion, StandardVersion } from "./levels.ts";

/** As much of a pod, or of a template of pods, as the standards look at. */
export interface CheckedPod {
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
}

/** What a pod does that a level does not allow. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

type CheckPod = (pod: CheckedPod) => Violation | undefined;

/** One rule of the Pod Security Standards. */
interface Check {
  readonly id: string;
  /** How it reads from a minor version of 1.x on. */
  readonly since: readonly (readonly [StandardVersion, CheckPod])[];
  /** The baseline's rule that it stands for at the restricted level. */
  readonly replaces?: string;
}

/**
 * What a pod does beyond the level in that version of the standards, in the order it is told. Upstream:
 * k8s.io/pod-security-admission/policy.
 */
export function violations(pod: CheckedPod, { level, version }: LevelVersion): readonly Violation[] {
  if (level === "privileged") return [];
  const strict = level === "restricted" ? restricted.filter((check) => inVersion(check, version) !== undefined) : [];
  const replaced = new Set(strict.map((check) => check.replaces));
  return [...baseline.filter((check) => !replaced.has(check.id)), ...strict].flatMap((check) => {
    const violation = inVersion(check, version)?.(pod);
    return violation ? [violation] : [];
  });
}

/** In form `privileged (container "c" must not …), host namespaces (hostPID=true)`. */
export function violationsText(found: readonly Violation[]): string {
  return found.map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`)).join(", ");
}

function inVersion({ since }: Check, version: StandardVersion): CheckPod | undefined {
  return since.findLast(([first]) => first <= version)?.[1];
}

function containersOf({ spec }: CheckedPod): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...((spec.ephemeralContainers ?? []) as Container[])];
}

type Settings = PodSecurityContext & SecurityContext;

function settingsOf(holder: { readonly securityContext?: PodSecurityContext | SecurityContext }): Settings {
  return holder.securityContext ?? {};
}

function plural(count: number, one: string, more = `${one}s`): string {
  return count === 1 ? one : more;
}

function quoted(items: readonly string[]): string {
  return items.map((item) => `"${item}"`).join(", ");
}

function sortedSet(items: Iterable<string>): readonly string[] {
  return [...new Set(items)].toSorted();
}

/** `container "a"`, `containers "a", "b"`. */
function named(containers: readonly { readonly name: string }[]): string {
  return `${plural(containers.length, "container")} ${quoted(containers.map(({ name }) => name))}`;
}

/** `pod and containers "a", "b"`: who has set something; empty when nobody has. */
function settersOf(pod: CheckedPod, isBad: (settings: Settings) => boolean): string {
  const containers = containersOf(pod).filter((container) => isBad(settingsOf(container)));
  const setters = isBad(settingsOf(pod.spec)) ? ["pod"] : [];
  if (containers.length > 0) setters.push(named(containers));
  return setters.join(" and ");
}

/** The settings of the pod and of its containers. */
function allSettings(pod: CheckedPod): readonly Settings[] {
  return [pod.spec, ...containersOf(pod)].map(settingsOf);
}

/** From a version on that knows pods for Windows, which need not be told what their system does not have. */
function exceptOnWindows(check: CheckPod): CheckPod {
  return (pod) => (pod.spec.os?.name === "windows" ? undefined : check(pod));
}

/** From a version on that trusts the root of a user namespace, which is not the host's. */
function exceptInUserNamespace(check: CheckPod): CheckPod {
  return (pod) => (pod.spec.hostUsers === false ? undefined : check(pod));
}

const appArmorAnnotation = "container.apparmor.security.beta.kubernetes.io/";
const profileTypes: readonly string[] = ["RuntimeDefault", "Localhost"];

function appArmorProfile(pod: CheckedPod): Violation | undefined {
  const badTypes = (settings: Settings): readonly string[] =>
    [settings.appArmorProfile].flatMap((profile) =>
      profile && !profileTypes.includes(profile.type) ? [profile.type] : [],
    );
  const setters = settersOf(pod, (settings) => badTypes(settings).length > 0);
  const values = sortedSet(allSettings(pod).flatMap(badTypes));
  const annotations = Object.entries(pod.annotations)
    .filter(([key, value]) => key.startsWith(appArmorAnnotation) && !/^$|^runtime\/default$|^localhost\//.test(value))
    .map(([key, value]) => `${key}=${goQuote(value)}`)
    .toSorted();
  const all = [setters, annotations.length > 0 ? plural(annotations.length, "annotation") : ""].filter(Boolean);
  if (all.length === 0) return undefined;
  const bad = [...values, ...annotations];
  return {
    reason: `forbidden AppArmor ${plural(bad.length, "profile")}`,
    detail: `${all.join(" and ")} must not set AppArmor profile type to ${quoted(bad)}`,
  };
}

const defaultCapabilities: ReadonlySet<string> = new Set([
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
]);

/** Told of the containers that add a capability not allowed; empty when there are none. */
function addedBeyond(pod: CheckedPod, isAllowed: (capability: string) => boolean): string {
  const beyond = (container: Container): readonly string[] =>
    (container.securityContext?.capabilities?.add ?? []).filter((capability) => !isAllowed(capability));
  const bad = containersOf(pod).filter((container) => beyond(container).length > 0);
  if (bad.length === 0) return "";
  const capabilities = quoted(sortedSet(bad.flatMap(beyond)));
  return `${named(bad)} must not include ${capabilities} in securityContext.capabilities.add`;
}

function capabilitiesBaseline(pod: CheckedPod): Violation | undefined {
  const detail = addedBeyond(pod, (capability) => defaultCapabilities.has(capability));
  return detail === "" ? undefined : { reason: "non-default capabilities", detail };
}

function capabilitiesRestricted(pod: CheckedPod): Violation | undefined {
  const keeping = containersOf(pod).filter(
    ({ securityContext }) => !securityContext?.capabilities?.drop?.includes("ALL"),
  );
  const details = [
    keeping.length === 0 ? "" : `${named(keeping)} must set securityContext.capabilities.drop=["ALL"]`,
    addedBeyond(pod, (capability) => capability === "NET_BIND_SERVICE"),
  ].filter(Boolean);
  return details.length === 0 ? undefined : { reason: "unrestricted capabilities", detail: details.join("; ") };
}

function hostNamespaces({ spec }: CheckedPod): Violation | undefined {
  const shared = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((name) => spec[name]);
  return shared.length === 0
    ? undefined
    : { reason: "host namespaces", detail: shared.map((name) => `${name}=true`).join(", ") };
}

function hostPathVolumes({ spec }: CheckedPod): Violation | undefined {
  const bad = (spec.volumes ?? []).filter((volume) => volume.hostPath).map(({ name }) => name);
  return bad.length === 0
    ? undefined
    : { reason: "hostPath volumes", detail: `${plural(bad.length, "volume")} ${quoted(bad)}` };
}

function hostPorts(pod: CheckedPod): Violation | undefined {
  const portsOf = (container: Container): readonly string[] =>
    (container.ports ?? []).flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []));
  const bad = containersOf(pod).filter((container) => portsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const ports = sortedSet(bad.flatMap(portsOf));
  const use = plural(bad.length, "uses", "use");
  return { reason: "hostPort", detail: `${named(bad)} ${use} ${plural(ports.length, "hostPort")} ${ports.join(", ")}` };
}

function hostProbesAndHostLifecycle(pod: CheckedPod): Violation | undefined {
  const hostsOf = (container: Container): readonly string[] => {
    const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container;
    const handlers: readonly (Probe | LifecycleHandler | undefined)[] = [
      livenessProbe,
      readinessProbe,
      startupProbe,
      lifecycle?.postStart,
      lifecycle?.preStop,
    ];
    return handlers
      .flatMap((handler) => [handler?.httpGet?.host, handler?.tcpSocket?.host])
      .flatMap((host) => host || []);
  };
  const bad = containersOf(pod).filter((container) => hostsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const names = sortedSet(bad.map(({ name }) => name)).map((name) => ({ name }));
  const hosts = sortedSet(bad.flatMap(hostsOf));
  const use = plural(names.length, "uses", "use");
  const what = plural(hosts.length, "probe or lifecycle host");
  return { reason: "probe or lifecycle host", detail: `${named(names)} ${use} ${what} ${quoted(hosts)}` };
}

function privileged(pod: CheckedPod): Violation | undefined {
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.privileged);
  return bad.length === 0
    ? undefined
    : { reason: "privileged", detail: `${named(bad)} must not set securityContext.privileged=true` };
}

function procMount(pod: CheckedPod): Violation | undefined {
  const typeOf = ({ securityContext }: Container): string => securityContext?.procMount ?? "Default";
  const bad = containersOf(pod).filter((container) => typeOf(container) !== "Default");
  if (bad.length === 0) return undefined;
  const types = quoted(sortedSet(bad.map(typeOf)));
  return { reason: "procMount", detail: `${named(bad)} must not set securityContext.procMount to ${types}` };
}

function seLinuxOptions(types: readonly string[]): CheckPod {
  return (pod) => {
    const options = (settings: Settings) => settings.seLinuxOptions ?? {};
    const hasBadType = (settings: Settings): boolean => !types.includes(options(settings).type ?? "");
    const setters = settersOf(
      pod,
      (settings) => hasBadType(settings) || !!options(settings).user || !!options(settings).role,
    );
    if (setters === "") return undefined;
    const all = allSettings(pod);
    const badTypes = sortedSet(all.filter(hasBadType).map((settings) => options(settings).type ?? ""));
    const bad = [
      badTypes.length === 0 ? "" : `${plural(badTypes.length, "type")} ${quoted(badTypes)}`,
      all.some((settings) => options(settings).user) ? "user may not be set" : "",
      all.some((settings) => options(settings).role) ? "role may not be set" : "",
    ].filter(Boolean);
    const detail = `${setters} set forbidden securityContext.seLinuxOptions: ${bad.join("; ")}`;
    return { reason: "seLinuxOptions", detail };
  };
}

const seccompAnnotation = "seccomp.security.alpha.kubernetes.io/pod";
const seccompContainerAnnotation = "container.seccomp.security.alpha.kubernetes.io/";

/** Before there were fields for it. */
function seccompAnnotations(pod: CheckedPod): Violation | undefined {
  const keys = [seccompAnnotation, ...containersOf(pod).map(({ name }) => `${seccompContainerAnnotation}${name}`)];
  const bad = sortedSet(
    keys.flatMap((key) => {
      const value = Object.hasOwn(pod.annotations, key) ? pod.annotations[key] : undefined;
      const isAllowed = value === undefined || /^(?:runtime\/default|docker\/default)$|^localhost\//.test(value);
      return isAllowed ? [] : [`${key}=${goQuote(value)}`];
    }),
  );
  return bad.length === 0
    ? undefined
    : { reason: "seccompProfile", detail: `forbidden ${plural(bad.length, "annotation")} ${bad.join(", ")}` };
}

function seccompBaseline(pod: CheckedPod): Violation | undefined {
  const isBad = ({ seccompProfile }: Settings): boolean =>
    seccompProfile !== undefined && !profileTypes.includes(seccompProfile.type);
  const setters = settersOf(pod, isBad);
  if (setters === "") return undefined;
  const bad = sortedSet(
    allSettings(pod)
      .filter(isBad)
      .map(({ seccompProfile }) => seccompProfile?.type ?? ""),
  );
  const detail = `${setters} must not set securityContext.seccompProfile.type to ${quoted(bad)}`;
  return { reason: "seccompProfile", detail };
}

/** What the pod or else each container has to say for itself. */
function lacking(pod: CheckedPod, isSaid: (settings: Settings) => boolean): string {
  if (isSaid(settingsOf(pod.spec))) return "";
  const silent = containersOf(pod).filter((container) => !isSaid(settingsOf(container)));
  return silent.length === 0 ? "" : `pod or ${named(silent)}`;
}

function seccompRestricted(pod: CheckedPod): Violation | undefined {
  const bad = seccompBaseline(pod);
  if (bad) return bad;
  const who = lacking(pod, ({ seccompProfile }) => seccompProfile !== undefined);
  if (who === "") return undefined;
  const detail = `${who} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  return { reason: "seccompProfile", detail };
}

const sysctlsOfVersion: readonly (readonly [StandardVersion, readonly string[]])[] = [
  [
    0,
    [
      "kernel.shm_rmid_forced",
      "net.ipv4.ip_local_port_range",
      "net.ipv4.tcp_syncookies",
      "net.ipv4.ping_group_range",
      "net.ipv4.ip_unprivileged_port_start",
    ],
  ],
  [27, ["net.ipv4.ip_local_reserved_ports"]],
  [
    29,
    [
      "net.ipv4.tcp_keepalive_time",
      "net.ipv4.tcp_fin_timeout",
      "net.ipv4.tcp_keepalive_intvl",
      "net.ipv4.tcp_keepalive_probes",
    ],
  ],
  [32, ["net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"]],
];

function sysctlsSince(version: StandardVersion): CheckPod {
  const allowed = new Set(sysctlsOfVersion.filter(([first]) => first <= version).flatMap(([, names]) => names));
  return ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.has(name));
    return bad.length === 0 ? undefined : { reason: "forbidden sysctls", detail: bad.join(", ") };
  };
}

function windowsHostProcess(pod: CheckedPod): Violation | undefined {
  const setters = settersOf(pod, ({ windowsOptions }) => windowsOptions?.hostProcess === true);
  return setters === ""
    ? undefined
    : { reason: "hostProcess", detail: `${setters} must not set securityContext.windowsOptions.hostProcess=true` };
}

function allowPrivilegeEscalation(pod: CheckedPod): Violation | undefined {
  const bad = containersOf(pod).filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (bad.length === 0) return undefined;
  const detail = `${named(bad)} must set securityContext.allowPrivilegeEscalation=false`;
  return { reason: "allowPrivilegeEscalation != false", detail };
}

const unrestrictedVolumes: readonly (keyof Volume)[] = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

function restrictedVolumes({ spec }: CheckedPod): Violation | undefined {
  const bad = (spec.volumes ?? []).filter((volume) => !unrestrictedVolumes.some((type) => volume[type]));
  if (bad.length === 0) return undefined;
  const types = sortedSet(
    bad.map((volume) => Object.keys(volume).find((key) => key !== "name" && volume[key as keyof Volume]) ?? "unknown"),
  );
  const volumes = `${plural(bad.length, "volume")} ${quoted(bad.map(({ name }) => name))}`;
  const use = plural(bad.length, "uses", "use");
  const what = plural(types.length, "restricted volume type");
  return { reason: "restricted volume types", detail: `${volumes} ${use} ${what} ${quoted(types)}` };
}

function runAsNonRoot(pod: CheckedPod): Violation | undefined {
  const reason = "runAsNonRoot != true";
  const setters = settersOf(pod, (settings) => settings.runAsNonRoot === false);
  if (setters !== "") return { reason, detail: `${setters} must not set securityContext.runAsNonRoot=false` };
  const who = lacking(pod, (settings) => settings.runAsNonRoot !== undefined);
  return who === "" ? undefined : { reason, detail: `${who} must set securityContext.runAsNonRoot=true` };
}

function runAsUser(pod: CheckedPod): Violation | undefined {
  const setters = settersOf(pod, (settings) => settings.runAsUser === 0);
  return setters === "" ? undefined : { reason: "runAsUser=0", detail: `${setters} must not set runAsUser=0` };
}

const seLinuxTypes = ["", "container_t", "container_init_t", "container_kvm_t"];

/** In the order of upstream's answers. */
const baseline: readonly Check[] = [
  { id: "appArmorProfile", since: [[0, appArmorProfile]] },
  { id: "capabilities", since: [[0, capabilitiesBaseline]] },
  { id: "hostNamespaces", since: [[0, hostNamespaces]] },
  { id: "hostPathVolumes", since: [[0, hostPathVolumes]] },
  { id: "hostPorts", since: [[0, hostPorts]] },
  { id: "hostProbesAndHostLifecycle", since: [[34, hostProbesAndHostLifecycle]] },
  { id: "privileged", since: [[0, privileged]] },
  {
    id: "procMount",
    since: [
      [0, procMount],
      [35, exceptInUserNamespace(procMount)],
    ],
  },
  {
    id: "seLinuxOptions",
    since: [
      [0, seLinuxOptions(seLinuxTypes)],
      [31, seLinuxOptions([...seLinuxTypes, "container_engine_t"])],
    ],
  },
  {
    id: "seccompProfile",
    since: [
      [0, seccompAnnotations],
      [19, seccompBaseline],
    ],
  },
  { id: "sysctls", since: sysctlsOfVersion.map(([version]) => [version, sysctlsSince(version)]) },
  { id: "windowsHostProcess", since: [[0, windowsHostProcess]] },
];

const restricted: readonly Check[] = [
  {
    id: "allowPrivilegeEscalation",
    since: [
      [8, allowPrivilegeEscalation],
      [25, exceptOnWindows(allowPrivilegeEscalation)],
    ],
  },
  {
    id: "capabilities_restricted",
    replaces: "capabilities",
    since: [
      [22, capabilitiesRestricted],
      [25, exceptOnWindows(capabilitiesRestricted)],
    ],
  },
  { id: "procMount_restricted", replaces: "procMount", since: [[35, procMount]] },
  { id: "restrictedVolumes", replaces: "hostPathVolumes", since: [[0, restrictedVolumes]] },
  {
    id: "runAsNonRoot",
    since: [
      [0, runAsNonRoot],
      [35, exceptInUserNamespace(runAsNonRoot)],
    ],
  },
  {
    id: "runAsUser",
    since: [
      [23, runAsUser],
      [35, exceptInUserNamespace(runAsUser)],
    ],
  },
  {
    id: "seccompProfile_restricted",
    replaces: "seccompProfile",
    since: [
      [19, seccompRestricted],
      [25, exceptOnWindows(seccompRestricted)],
    ],
  },
];
