import assert from "node:assert/strict";
import { test } from "node:test";
import type { PodSecurityContext, SecurityContext } from "../../api/core/v1/types.gen.ts";
import type { Image, LinuxContainerSecurityContext } from "../../cri-api/runtime/v1/types.ts";
import { testContainer, testPod } from "../testing/pods.ts";
import { containerSecurityContext, runAsNonRootViolation, sandboxSecurityContext } from "./security-context.ts";

type User = Pick<Image, "uid" | "username">;

function context(shared: PodSecurityContext, own: SecurityContext, image: User = {}): LinuxContainerSecurityContext {
  const container = testContainer({ securityContext: own });
  const pod = testPod({ containers: [container], securityContext: shared });
  return containerSecurityContext(pod, container, { image, seccomp: { root: "/root/seccomp", isDefault: false } });
}

const cases: readonly [
  what: string,
  shared: PodSecurityContext,
  own: SecurityContext,
  image: User,
  expected: Partial<LinuxContainerSecurityContext>,
][] = [
  ["nobody names a user: root", {}, {}, {}, { runAsUser: 0 }],
  ["the image's numeric user", {}, {}, { uid: 1000 }, { runAsUser: 1000 }],
  ["the image's user by name", {}, {}, { username: "web" }, { runAsUsername: "web" }],
  ["the pod's user over the image's", { runAsUser: 5 }, {}, { username: "web" }, { runAsUser: 5 }],
  ["the container's user over the pod's", { runAsUser: 5 }, { runAsUser: 6 }, { uid: 7 }, { runAsUser: 6 }],
  ["a group without a user", { runAsGroup: 30 }, {}, { uid: 7 }, { runAsUser: 7, runAsGroup: 30 }],
  [
    "groups, with that of the volumes last",
    { supplementalGroups: [10, 20], fsGroup: 30 },
    {},
    {},
    { supplementalGroups: [10, 20, 30] },
  ],
  ["no way to more privileges", {}, { allowPrivilegeEscalation: false }, {}, { noNewPrivs: true }],
  ["more privileges unless forbidden", {}, {}, {}, { noNewPrivs: false }],
  [
    "capabilities",
    {},
    { capabilities: { add: ["NET_ADMIN"], drop: ["ALL"] } },
    {},
    { capabilities: { addCapabilities: ["NET_ADMIN"], dropCapabilities: ["ALL"] } },
  ],
  ["a root file system that is not written to", {}, { readOnlyRootFilesystem: true }, {}, { readonlyRootfs: true }],
  ["no profile", {}, {}, {}, { seccomp: { profileType: "unconfined" } }],
  [
    "the pod's profile",
    { seccompProfile: { type: "RuntimeDefault" } },
    {},
    {},
    { seccomp: { profileType: "runtimeDefault" } },
  ],
  [
    "a profile of the node's",
    { seccompProfile: { type: "RuntimeDefault" } },
    { seccompProfile: { type: "Localhost", localhostProfile: "profiles/audit.json" } },
    {},
    { seccomp: { profileType: "localhost", localhostRef: "/root/seccomp/profiles/audit.json" } },
  ],
  [
    "privileged",
    { seccompProfile: { type: "RuntimeDefault" } },
    { privileged: true },
    {},
    { privileged: true, maskedPaths: [], readonlyPaths: [], seccomp: { profileType: "unconfined" } },
  ],
  ["an unmasked /proc", {}, { procMount: "Unmasked" }, {}, { privileged: false, maskedPaths: [], readonlyPaths: [] }],
];

for (const [what, shared, own, image, expected] of cases) {
  test(`security context: ${what}`, () => {
    const found: Readonly<Record<string, unknown>> = { ...context(shared, own, image) };
    const wanted: Readonly<Record<string, unknown>> = { ...expected };
    assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((key) => [key, found[key]])), wanted);
    if (wanted["runAsUsername"] !== undefined) assert.equal(found["runAsUser"], undefined);
  });
}

const where = '(pod: "p_default(uid-p)", container: main)';
const violations: readonly [own: SecurityContext, image: User, expected: string | undefined][] = [
  [{ runAsUser: 1 }, {}, undefined],
  [{ runAsUser: 0 }, { uid: 5 }, `container's runAsUser breaks non-root policy ${where}`],
  [{}, { uid: 5 }, undefined],
  [{}, { uid: 0 }, `container has runAsNonRoot and image will run as root ${where}`],
  [{}, {}, `container has runAsNonRoot and image will run as root ${where}`],
  [
    {},
    { username: "web" },
    `container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root ${where}`,
  ],
];

for (const [own, user, expected] of violations) {
  test(`runAsNonRoot with ${JSON.stringify(own)} and an image of ${JSON.stringify(user)}`, () => {
    const container = testContainer({ securityContext: own });
    const pod = testPod({ containers: [container], securityContext: { runAsNonRoot: true } });
    const image: Image = { id: "i", repoTags: [], repoDigests: [], sizeBytes: 1, pinned: false, ...user };
    assert.equal(runAsNonRootViolation(pod, container, image), expected);
  });
}

test("namespaces: the host's where asked for, one process namespace for the pod, none for users", () => {
  const namespaces = (spec: Parameters<typeof testPod>[0]) => sandboxSecurityContext(testPod(spec)).namespaceOptions;
  assert.deepEqual(namespaces({}), { network: "pod", pid: "container", ipc: "pod" });
  assert.deepEqual(namespaces({ shareProcessNamespace: true }), { network: "pod", pid: "pod", ipc: "pod" });
  assert.deepEqual(namespaces({ hostNetwork: true, hostPID: true, hostIPC: true }), {
    network: "node",
    pid: "node",
    ipc: "node",
  });
  assert.throws(() => namespaces({ hostUsers: false }), /runtime does not support user namespaces/);
});

test("where that is the node's default, who names no seccomp profile gets the runtime's", () => {
  const seccomp = { root: "/root/seccomp", isDefault: true };
  const of = (own: SecurityContext): unknown => {
    const container = testContainer({ securityContext: own });
    const pod = testPod({ containers: [container] });
    return containerSecurityContext(pod, container, { image: {}, seccomp }).seccomp?.profileType;
  };
  assert.equal(of({}), "runtimeDefault");
  assert.equal(of({ seccompProfile: { type: "Unconfined" } }), "unconfined");
  assert.equal(of({ privileged: true }), "unconfined");
});
