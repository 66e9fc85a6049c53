import { fieldInvalid, type FieldError } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";

/** From the one that allows everything to the strictest. */
const levels = ["privileged", "baseline", "restricted"] as const;

export type Level = (typeof levels)[number];

/** Of the standards, the minor version behind `v1.`, or Infinity for `latest`. */
export type StandardVersion = number;

export interface LevelVersion {
  readonly level: Level;
  readonly version: StandardVersion;
}

/** What happens to a pod that goes beyond each level: it is refused, the audit log has it, the client is warned. */
export type Policy = Readonly<Record<Mode, LevelVersion>>;

export type Mode = "enforce" | "audit" | "warn";

const modes: readonly Mode[] = ["enforce", "audit", "warn"];

const anything: LevelVersion = { level: "privileged", version: Infinity };

/** Where a namespace says nothing. */
export const defaultPolicy: Policy = { enforce: anything, audit: anything, warn: anything };

export const labelPrefix = "pod-security.kubernetes.io/";

export function isPrivileged({ level }: LevelVersion): boolean {
  return level === "privileged";
}

/** Whether the first allows no more than the second. */
export function isStricter(a: Level, b: Level): boolean {
  return levels.indexOf(a) > levels.indexOf(b);
}

export function isSame(a: LevelVersion, b: LevelVersion): boolean {
  return a.level === b.level && a.version === b.version;
}

/** In form `restricted:v1.25`. */
export function levelVersionText({ level, version }: LevelVersion): string {
  return `${level}:${versionText(version)}`;
}

export function versionText(version: StandardVersion): string {
  return version === Infinity ? "latest" : `v1.${version}`;
}

/**
 * The policy in the labels of a namespace, with what is wrong with them: a level to enforce that is none counts as the
 * strictest, one to warn or to audit by as none at all. Whoever asks for a level and not for warnings is warned by it, too.
 */
export function policyOf(labels: Readonly<Record<string, string>> = {}): {
  readonly policy: Policy;
  readonly errors: readonly FieldError[];
} {
  const errors: FieldError[] = [];
  const policy = { ...defaultPolicy };
  const parsed = <T>(label: string, parse: (text: string) => T | undefined, otherwise: T, expected: string): T => {
    const text = labels[label] ?? "";
    const value = parse(text);
    if (value !== undefined) return value;
    errors.push(fieldInvalid(FieldPath.of("metadata", "labels").key(label), text, expected));
    return otherwise;
  };
  let isEnforced = false;
  for (const mode of modes) {
    let { level, version } = policy[mode];
    const levelLabel = `${labelPrefix}${mode}`;
    const versionLabel = `${levelLabel}-version`;
    if (Object.hasOwn(labels, levelLabel)) {
      const before = errors.length;
      const otherwise = mode === "enforce" ? "restricted" : "privileged";
      level = parsed(levelLabel, parseLevel, otherwise, `must be one of ${levels.join(", ")}`);
      if (mode === "enforce") isEnforced = errors.length === before;
    }
    if (Object.hasOwn(labels, versionLabel))
      version = parsed(versionLabel, parseVersion, Infinity, 'must be "latest" or "v1.x"');
    policy[mode] = { level, version };
  }
  const { enforce, warn } = policy;
  if (!Object.hasOwn(labels, `${labelPrefix}warn`) && isEnforced && isStricter(enforce.level, warn.level)) {
    const hasVersion = Object.hasOwn(labels, `${labelPrefix}warn-version`);
    policy.warn = { level: enforce.level, version: hasVersion ? warn.version : enforce.version };
  }
  return { policy, errors };
}

function parseLevel(text: string): Level | undefined {
  return levels.find((level) => level === text);
}

function parseVersion(text: string): StandardVersion | undefined {
  if (text === "latest") return Infinity;
  return /^v1\.(?:\d|[1-9]\d*)$/.test(text) ? Number(text.slice("v1.".length)) : undefined;
}
