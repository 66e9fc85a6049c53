import type {
  Affinity,
  Container,
  ContainerPort,
  PodAffinityTerm,
  PodSpec,
  PodTemplateSpec,
  SecurityContext,
  Volume,
} from "../../api/core/v1/types.gen.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { FieldPath, childOf } from "../../apimachinery/validation/field-path.ts";
import { validateDns1123Label } from "../../apimachinery/validation/names.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { byteWarnings, claimWarnings } from "./byte-warnings.ts";
import { ipWarnings } from "./ip-warnings.ts";
import { nodeLabelWarnings, nodeTermWarnings } from "./node-label-warnings.ts";
import { oldVolumeWarnings } from "./old-volumes.ts";
import { overlappingPathWarnings } from "./overlapping-paths.ts";

interface Annotated {
  readonly annotations?: Readonly<Record<string, string>>;
}

const oldAnnotations: readonly (readonly [name: string, why: string])[] = [
  ["scheduler.alpha.kubernetes.io/critical-pod", 'non-functional in v1.16+; use the "priorityClassName" field instead'],
  ["security.alpha.kubernetes.io/sysctls", 'non-functional in v1.11+; use the "sysctls" field instead'],
  ["security.alpha.kubernetes.io/unsafe-sysctls", 'non-functional in v1.11+; use the "sysctls" field instead'],
];
const useSeccompField = 'non-functional in v1.27+; use the "seccompProfile" field instead';
const useAppArmorField = 'deprecated since v1.30; use the "appArmorProfile" field instead';
const podSeccompAnnotation = "seccomp.security.alpha.kubernetes.io/pod";
const containerSeccompPrefix = "container.seccomp.security.alpha.kubernetes.io/";
const appArmorPrefix = "container.apparmor.security.beta.kubernetes.io/";
const byteResources = ["memory", "ephemeral-storage"];

/** What is told of a name that pods' hostnames are made of. */
export function hostnameWarnings(name: string, usedIn: string): readonly string[] {
  const messages = validateDns1123Label(name);
  if (messages.length === 0) return [];
  const why = "which can result in surprising behavior; a DNS label is recommended";
  return [`metadata.name: this is used in ${usedIn}, ${why}: [${messages.join(" ")}]`];
}

const spec = FieldPath.of("spec");
const template = spec.child("template");

interface Templated {
  readonly metadata: { readonly name: string; readonly generation?: bigint | number };
  readonly spec: { readonly template?: PodTemplateSpec };
}

/** Of a new object that has a template at spec.template. */
export function templateWarnings(object: Templated): readonly string[] {
  return object.spec.template ? podWarnings(object.spec.template, template) : [];
}

/** Of one whose pods are named after it. */
export function namedTemplateWarnings(object: Templated): readonly string[] {
  return [...hostnameWarnings(object.metadata.name, "Pod names and hostnames"), ...templateWarnings(object)];
}

/** Of a changed one. */
export function changedTemplateWarnings(object: Templated, old: Templated): readonly string[] {
  return object.metadata.generation === old.metadata.generation ? [] : templateWarnings(object);
}

/** What is told of a pod, or of the template of pods at `root`, that is allowed but hardly meant. */
export function podWarnings(
  { metadata, spec: pod }: { readonly metadata?: Annotated; readonly spec?: PodSpec },
  root?: FieldPath,
): readonly string[] {
  if (!pod) return [];
  const at = childOf(root, "spec");
  const annotations = metadata?.annotations ?? {};
  const annotationsAt = childOf(root, "metadata", "annotations");
  const containers = containersOf(pod, at);
  return [
    ...placementWarnings(pod, at),
    ...oldAnnotations
      .filter(([name]) => name in annotations)
      .map(([name, why]) => `${annotationsAt.key(name).toString()}: ${why}`),
    ...(pod.volumes ?? []).flatMap((volume, i) => volumeWarnings(volume, at.child("volumes").index(i))),
    ...overlappingPathWarnings(pod.volumes ?? []),
    ...listWarnings(pod, at),
    ...byteWarnings(pod.overhead, byteResources, at.child("overhead")),
    ...(podSeccompAnnotation in annotations && !pod.securityContext?.seccompProfile
      ? [`${annotationsAt.key(podSeccompAnnotation).toString()}: ${useSeccompField}`]
      : []),
    ...containers.flatMap(([container, path]) => [
      ...profileWarnings(container, pod, annotations, annotationsAt, root !== undefined),
      ...byteWarnings(container.resources?.limits, ["memory"], path.child("resources", "limits")),
      ...byteWarnings(container.resources?.requests, ["memory"], path.child("resources", "requests")),
      ...byteWarnings(container.resources?.limits, ["ephemeral-storage"], path.child("resources", "limits")),
      ...byteWarnings(container.resources?.requests, ["ephemeral-storage"], path.child("resources", "requests")),
      ...envWarnings(container, path.child("env")),
    ]),
    ...portWarnings(containers),
    ...((pod.terminationGracePeriodSeconds ?? 0) < 0
      ? [
          `${at.child("terminationGracePeriodSeconds").toString()}: must be >= 0; ` +
            "negative values are invalid and will be treated as 1",
        ]
      : []),
    ...affinityWarnings(pod.affinity, at.child("affinity")),
    ...(pod.dnsConfig?.nameservers ?? []).flatMap((ip, i) =>
      ipWarnings(ip, String(at.child("dnsConfig", "nameservers").index(i))),
    ),
    ...(pod.hostAliases ?? []).flatMap(({ ip }, i) =>
      ipWarnings(ip, String(at.child("hostAliases").index(i).child("ip"))),
    ),
  ];
}

type PlacedContainer = readonly [container: Container, path: FieldPath];

function containersOf(pod: PodSpec, at: FieldPath): readonly PlacedContainer[] {
  return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((field) =>
    (pod[field] ?? []).map((container, i): PlacedContainer => [container, at.child(field).index(i)]),
  );
}

const noLabelSelector = "a null labelSelector results in matching no pod";

function placementWarnings(pod: PodSpec, at: FieldPath): readonly string[] {
  const node = pod.affinity?.nodeAffinity;
  const nodeAt = at.child("affinity", "nodeAffinity");
  const requiredAt = nodeAt.child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms");
  const preferredAt = nodeAt.child("preferredDuringSchedulingIgnoredDuringExecution");
  return [
    ...Object.keys(pod.nodeSelector ?? {}).flatMap((label) =>
      nodeLabelWarnings(label, (why) => `${at.child("nodeSelector").key(label).toString()}: ${why}`),
    ),
    ...(node?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []).flatMap((term, i) =>
      nodeTermWarnings(term, requiredAt.index(i), false),
    ),
    ...(node?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(({ preference }, i) =>
      nodeTermWarnings(preference, preferredAt.index(i).child("preference"), true),
    ),
    ...(pod.topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, i) => {
      const path = at.child("topologySpreadConstraints").index(i);
      return [
        ...nodeLabelWarnings(topologyKey, (why) => `${path.child("topologyKey").toString()}: ${topologyKey} is ${why}`),
        ...(labelSelector ? [] : [`${path.child("labelSelector").toString()}: ${noLabelSelector}`]),
      ];
    }),
  ];
}

function volumeWarnings(volume: Volume, at: FieldPath): readonly string[] {
  const claim = volume.ephemeral?.volumeClaimTemplate;
  return [
    ...oldVolumeWarnings(volume, at),
    ...(claim ? claimWarnings(claim.spec, at.child("ephemeral", "volumeClaimTemplate", "spec")) : []),
  ];
}

function listWarnings({ hostAliases = [], imagePullSecrets = [] }: PodSpec, at: FieldPath): readonly string[] {
  const ips = hostAliases.map(({ ip }) => ip);
  const names = imagePullSecrets.map(({ name = "" }) => name);
  const nameAt = (i: number): FieldPath => at.child("imagePullSecrets").index(i).child("name");
  return [
    ...ips.flatMap((ip, i) =>
      ips.indexOf(ip) < i
        ? [`${at.child("hostAliases").index(i).child("ip").toString()}: duplicate ip ${goQuote(ip)}`]
        : [],
    ),
    ...names.flatMap((name, i) =>
      names.indexOf(name) < i ? [`${nameAt(i).toString()}: duplicate name ${goQuote(name)}`] : [],
    ),
    ...names.flatMap((name, i) => (name === "" ? [`${nameAt(i).toString()}: invalid empty name ""`] : [])),
  ];
}

/** Annotations from before there were fields. */
function profileWarnings(
  { name, securityContext }: Container,
  pod: PodSpec,
  annotations: Readonly<Record<string, string>>,
  at: FieldPath,
  isTemplate: boolean,
): readonly string[] {
  const seccomp = `${containerSeccompPrefix}${name}`;
  const appArmor = `${appArmorPrefix}${name}`;
  const profile = annotations[appArmor];
  const isAppArmorTold =
    isTemplate &&
    profile !== undefined &&
    !securityContext?.appArmorProfile &&
    !(pod.securityContext?.appArmorProfile && semanticEqual(pod.securityContext.appArmorProfile, appArmorOf(profile)));
  return [
    ...(seccomp in annotations && !securityContext?.seccompProfile
      ? [`${at.key(seccomp).toString()}: ${useSeccompField}`]
      : []),
    ...(isAppArmorTold ? [`${at.key(appArmor).toString()}: ${useAppArmorField}`] : []),
  ];
}

/** What an annotation says in terms of the field. */
function appArmorOf(annotation: string): SecurityContext["appArmorProfile"] {
  if (annotation === "unconfined") return { type: "Unconfined" };
  if (annotation === "runtime/default") return { type: "RuntimeDefault" };
  const local = "localhost/";
  if (!annotation.startsWith(local) || annotation === local) return undefined;
  return { type: "Localhost", localhostProfile: annotation.slice(local.length) };
}

function envWarnings({ env = [] }: Container, at: FieldPath): readonly string[] {
  const seen = new Set<string>();
  const warnings: string[] = [];
  for (const [i, { name, value = "", valueFrom }] of env.entries()) {
    const reference = `$(${name})`;
    const isExtended = !valueFrom && value !== reference && value.includes(reference);
    if (seen.has(name) && !isExtended) {
      const why = `hides previous definition of ${goQuote(name)}, which may be dropped when using apply`;
      warnings.push(`${at.index(i).toString()}: ${why}`);
    }
    seen.add(name);
  }
  return warnings;
}

function portWarnings(containers: readonly PlacedContainer[]): readonly string[] {
  const ports = containers.flatMap(([{ ports: own = [] }, path]) =>
    own.map((port, i) => ({ port, at: path.child("ports").index(i) })),
  );
  const named = new Map<string, FieldPath>();
  return [
    ...ports.flatMap(({ port, at }, n) => [
      ...(port.hostIP && !port.hostPort ? [`${at.toString()}: hostIP set without hostPort: ${shownPort(port)}`] : []),
      ...ports.slice(0, n).flatMap((other) => {
        const how = clash(port, other.port);
        return how === undefined ? [] : [`${at.toString()}: ${how} port definition with ${other.at.toString()}`];
      }),
    ]),
    ...ports.flatMap(({ port: { name = "" }, at }) => {
      const other = named.get(name);
      if (name !== "" && !other) named.set(name, at);
      if (!other) return [];
      const use = `services and probes that select ports by name will use ${other.toString()}`;
      return [`${at.toString()}: duplicate port name ${goQuote(name)} with ${other.toString()}, ${use}`];
    }),
  ];
}

/** How two ports are in each other's way. */
function clash(a: ContainerPort, b: ContainerPort): string | undefined {
  if (a.containerPort !== b.containerPort || a.protocol !== b.protocol) return undefined;
  const [aIp = "", bIp = ""] = [a.hostIP, b.hostIP];
  const [aPort = 0, bPort = 0] = [a.hostPort, b.hostPort];
  if (aIp === bIp && aPort === bPort) return "duplicate";
  if (aPort === 0 || bPort === 0) return "overlapping";
  return aPort === bPort && (aIp === "") !== (bIp === "") ? "dangerously ambiguous" : undefined;
}

function shownPort({ name = "", hostPort = 0, containerPort, protocol, hostIP }: ContainerPort): string {
  return `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
}

function affinityWarnings(affinity: Affinity | undefined, at: FieldPath): readonly string[] {
  return (["podAffinity", "podAntiAffinity"] as const).flatMap((field) => {
    const { requiredDuringSchedulingIgnoredDuringExecution: required = [], ...rest } = affinity?.[field] ?? {};
    const preferred = rest.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const requiredAt = at.child(field, "requiredDuringSchedulingIgnoredDuringExecution");
    const preferredAt = at.child(field, "preferredDuringSchedulingIgnoredDuringExecution");
    return [
      ...required.flatMap((term, i) => termWarnings(term, requiredAt.index(i))),
      ...preferred.flatMap(({ podAffinityTerm }, i) =>
        termWarnings(podAffinityTerm, preferredAt.index(i).child("podAffinityTerm")),
      ),
    ];
  });
}

function termWarnings({ labelSelector }: PodAffinityTerm, at: FieldPath): readonly string[] {
  return labelSelector ? [] : [`${at.child("labelSelector").toString()}: ${noLabelSelector}`];
}
