import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { inclusiveRangeMessage } from "../../apimachinery/validation/names.ts";
import type { AzureDiskVolumeSource, HostPathVolumeSource, Volume } from "../../api/core/v1/types.gen.ts";
import { validateNoBacksteps } from "./local-path.ts";

/** A rule of one kind of source; `holder` is what has the source among its members. */
export type SourceRule<H> = (
  source: Readonly<Record<string, unknown>>,
  path: FieldPath,
  holder: H,
) => readonly FieldError[];

/** One kind of source: the member that holds it and its rules. The names in paths are upstream's, slips included. */
export interface SourceKind<H> {
  readonly field: keyof H & string;
  /** In paths of the source's own errors; the field unless given. */
  readonly at?: string;
  /** In the path of the error when it is one too many; the field unless given. */
  readonly surplusAt?: string;
  /** It is looked at even when it is one too many. */
  readonly isNeverSurplus?: true;
  readonly rules: readonly SourceRule<H>[];
}

/** Exactly one kind of source. `kinds` are in the order upstream looks at them: the first counts, others are refused. */
export function validateSource<H extends object>(
  holder: H,
  kinds: readonly SourceKind<H>[],
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  let count = 0;
  for (const { field, at, surplusAt, isNeverSurplus, rules } of kinds) {
    const source: unknown = holder[field];
    if (typeof source !== "object" || source === null) continue;
    if (++count > 1 && !isNeverSurplus) {
      errors.push(fieldForbidden(path.child(surplusAt ?? field), "may not specify more than 1 volume type"));
      continue;
    }
    for (const rule of rules) {
      errors.push(...rule(source as Readonly<Record<string, unknown>>, path.child(at ?? field), holder));
    }
  }
  return count === 0 ? [fieldRequired(path, "must specify a volume type")] : errors;
}

export const required =
  (...fields: readonly string[]): SourceRule<unknown> =>
  (source, path) =>
    fields.filter((field) => isEmpty(source[field])).map((field) => fieldRequired(path.child(field)));

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

/** A reference to a secret, when there is one, has these. */
export const secretRefHas =
  (...fields: readonly string[]): SourceRule<unknown> =>
  (source, path) => {
    const reference = source["secretRef"] as Readonly<Record<string, unknown>> | undefined;
    return reference ? required(...fields)(reference, path.child("secretRef"), undefined) : [];
  };

const partition: SourceRule<unknown> = (source, path) => {
  const number = Number(source["partition"] ?? 0);
  return number >= 0 && number <= 255
    ? []
    : [fieldInvalid(path.child("partition"), number, inclusiveRangeMessage(1, 255))];
};

const hostPathTypes = [
  "",
  "BlockDevice",
  "CharDevice",
  "Directory",
  "DirectoryOrCreate",
  "File",
  "FileOrCreate",
  "Socket",
];

const blobDisk = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
const managedDisk = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";

function validateAzureDisk(
  { diskURI, kind, cachingMode }: AzureDiskVolumeSource,
  path: FieldPath,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  const oneOf = (field: string, value: string | undefined, values: readonly string[]): void => {
    if (value !== undefined && !values.includes(value))
      errors.push(fieldNotSupported(path.child(field), value, values));
  };
  oneOf("cachingMode", cachingMode, ["None", "ReadOnly", "ReadWrite"]);
  oneOf("kind", kind, ["Dedicated", "Managed", "Shared"]);
  if (kind === undefined) return errors;
  const [prefix, form] = kind === "Managed" ? ["/subscriptions/", managedDisk] : ["https://", blobDisk];
  if (!diskURI.startsWith(prefix)) errors.push(fieldNotSupported(path.child("diskURI"), diskURI, [form]));
  return errors;
}

type SharedField =
  | "hostPath"
  | "gcePersistentDisk"
  | "awsElasticBlockStore"
  | "nfs"
  | "flocker"
  | "quobyte"
  | "fc"
  | "vsphereVolume"
  | "photonPersistentDisk"
  | "portworxVolume"
  | "azureDisk";

/** The kinds of sources that pods and persistent volumes have in common. */
export const sharedSources: Readonly<Record<SharedField, SourceKind<Pick<Volume, SharedField>>>> = {
  hostPath: {
    field: "hostPath",
    rules: [(_, path, { hostPath }) => (hostPath ? validateHostPath(hostPath, path) : [])],
  },
  gcePersistentDisk: { field: "gcePersistentDisk", at: "persistentDisk", rules: [required("pdName"), partition] },
  awsElasticBlockStore: { field: "awsElasticBlockStore", rules: [required("volumeID"), partition] },
  nfs: {
    field: "nfs",
    rules: [
      required("server", "path"),
      (_, path, { nfs }) =>
        nfs?.path.startsWith("/")
          ? []
          : [fieldInvalid(path.child("path"), nfs?.path ?? "", "must be an absolute path")],
    ],
  },
  flocker: {
    field: "flocker",
    rules: [
      (_, path, { flocker }) => {
        const { datasetName = "", datasetUUID = "" } = flocker ?? {};
        const errors: FieldError[] = [];
        if (!datasetName && !datasetUUID) {
          errors.push(fieldRequired(path, "one of datasetName and datasetUUID is required"));
        }
        if (datasetName && datasetUUID) {
          const why = "datasetName and datasetUUID can not be specified simultaneously";
          errors.push(fieldInvalid(path, "resource", why));
        }
        if (datasetName.includes("/")) {
          errors.push(fieldInvalid(path.child("datasetName"), datasetName, "must not contain '/'"));
        }
        return errors;
      },
    ],
  },
  quobyte: {
    field: "quobyte",
    rules: [
      (_, path, { quobyte }) => {
        const why = "must be a host:port pair or multiple pairs separated by commas";
        const registry = quobyte?.registry ?? "";
        if (registry === "") return [fieldRequired(path.child("registry"), why)];
        const isPair = (text: string): boolean => /^(\[[^\]]*\]|[^:]*):[^:]*$/.test(text);
        return registry
          .split(",")
          .filter((pair) => !isPair(pair))
          .map(() => fieldInvalid(path.child("registry"), registry, why));
      },
      required("volume"),
    ],
  },
  fc: {
    field: "fc",
    rules: [
      (_, path, { fc }) => {
        const { targetWWNs = [], wwids = [], lun } = fc ?? {};
        const at = path.child("targetWWNs");
        const errors: FieldError[] = [];
        if (targetWWNs.length === 0 && wwids.length === 0) {
          errors.push(fieldRequired(at, "must specify either targetWWNs or wwids, but not both"));
        }
        if (targetWWNs.length > 0 && wwids.length > 0) {
          errors.push(fieldInvalid(at, targetWWNs, "targetWWNs and wwids can not be specified simultaneously"));
        }
        if (targetWWNs.length > 0) {
          if (lun === undefined) {
            errors.push(fieldRequired(path.child("lun"), "lun is required if targetWWNs is specified"));
          } else errors.push(...validateLun(lun, path.child("lun")));
        }
        return errors;
      },
    ],
  },
  vsphereVolume: { field: "vsphereVolume", rules: [required("volumePath")] },
  photonPersistentDisk: { field: "photonPersistentDisk", rules: [required("pdID")] },
  portworxVolume: { field: "portworxVolume", rules: [required("volumeID")] },
  azureDisk: {
    field: "azureDisk",
    rules: [
      required("diskName", "diskURI"),
      (_, path, { azureDisk }) => (azureDisk ? validateAzureDisk(azureDisk, path) : []),
    ],
  },
};

function validateHostPath(hostPath: HostPathVolumeSource, path: FieldPath): readonly FieldError[] {
  if (!hostPath.path) return [fieldRequired(path.child("path"))];
  return [
    ...validateNoBacksteps(hostPath.path, path.child("path")),
    ...(hostPathTypes.includes(hostPath.type ?? "")
      ? []
      : [fieldNotSupported(path.child("type"), hostPath.type, hostPathTypes)]),
  ];
}

export function validateLun(lun: number, path: FieldPath): readonly FieldError[] {
  return lun >= 0 && lun <= 255 ? [] : [fieldInvalid(path, lun, inclusiveRangeMessage(0, 255))];
}
