import { keyPairWarnings } from "./tls-warnings.ts";
import { JsonError } from "../../../apimachinery/json/json-error.ts";
import { parseJson } from "../../../apimachinery/json/parse.ts";
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldTooLong,
} from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { utf8Length, validateConfigMapKey } from "../../../apimachinery/validation/names.ts";
import type { ConfigMap, Secret, ServiceAccount } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { configMapCells, secretCells, serviceAccountCells } from "../../printers/core.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { immutable, syntax } from "../../validation/common.ts";

const data = FieldPath.of("data");
const binaryData = FieldPath.of("binaryData");

// 1 MiB: what etcd takes in one value, less some room for metadata.
const dataBytesMax = 1024 * 1024;

function validateConfigMap(object: ConfigMap): readonly FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(object.data ?? {})) {
    errors.push(...syntax(data.key(key), key, validateConfigMapKey(key)));
    if (Object.hasOwn(object.binaryData ?? {}, key)) {
      errors.push(fieldInvalid(data.key(key), key, "duplicate of key present in binaryData"));
    }
    bytes += utf8Length(value);
  }
  for (const [key, value] of Object.entries(object.binaryData ?? {})) {
    errors.push(...syntax(binaryData.key(key), key, validateConfigMapKey(key)));
    bytes += base64Bytes(value);
  }
  if (bytes > dataBytesMax) errors.push(fieldTooLong(FieldPath.of(""), dataBytesMax));
  return errors;
}

/** What `immutable: true` forbids, for the given fields. */
function validateImmutable<T extends ConfigMap | Secret>(
  object: T,
  old: T,
  fields: readonly (keyof T & string)[],
): readonly FieldError[] {
  if (!old.immutable) return [];
  const why = "field is immutable when `immutable` is set";
  const errors = object.immutable ? [] : [fieldForbidden(FieldPath.of("immutable"), why)];
  return [
    ...errors,
    ...fields
      .filter((field) => !semanticEqual(object[field], old[field]))
      .map((field) => fieldForbidden(FieldPath.of(field), why)),
  ];
}

export const configMapStrategy: Strategy<ConfigMap> = {
  checksNameOnUpdate: true,
  validate: validateConfigMap,
  validateUpdate: (object: ConfigMap, old: ConfigMap) => [
    ...validateImmutable(object, old, ["data", "binaryData"]),
    ...validateConfigMap(object),
  ],
  tableCells: configMapCells,
};

/** `stringData` is for writing only: it goes into `data`, over what is there. */
function foldStringData(secret: Mutable<Secret>): void {
  if (!secret.stringData) return;
  const folded = { ...secret.data };
  for (const [key, value] of Object.entries(secret.stringData)) folded[key] = encodeBase64(value);
  secret.data = folded;
  delete secret.stringData;
}

const serviceAccountName = "kubernetes.io/service-account.name";

/** The keys a type of secret must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
};

function validateSecret(secret: Secret): readonly FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(secret.data ?? {})) {
    errors.push(...syntax(data.key(key), key, validateConfigMapKey(key)));
    bytes += base64Bytes(value);
  }
  if (bytes > dataBytesMax) errors.push(fieldTooLong(data, dataBytesMax));
  const has = (key: string): boolean => Object.hasOwn(secret.data ?? {}, key);
  if (secret.type === "kubernetes.io/service-account-token" && !secret.metadata.annotations?.[serviceAccountName]) {
    errors.push(fieldRequired(FieldPath.of("metadata", "annotations").key(serviceAccountName)));
  }
  if (secret.type === "kubernetes.io/basic-auth" && !has("username") && !has("password")) {
    errors.push(fieldRequired(data.key("username")), fieldRequired(data.key("password")));
  }
  for (const key of requiredKeys[secret.type ?? ""] ?? []) {
    if (!has(key)) errors.push(fieldRequired(data.key(key)));
    else if (key === ".dockercfg" || key === ".dockerconfigjson") errors.push(...validateJson(secret, key));
  }
  return errors;
}

function validateJson(secret: Secret, key: string): readonly FieldError[] {
  try {
    parseJson(atob(secret.data?.[key] ?? ""));
    return [];
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return [fieldInvalid(data.key(key), "<secret contents redacted>", error.message)];
  }
}

function secretWarnings({ type, data: files }: Secret): readonly string[] {
  return type === "kubernetes.io/tls" ? keyPairWarnings(files?.["tls.crt"] ?? "", files?.["tls.key"] ?? "") : [];
}

export const secretStrategy: Strategy<Secret> = {
  checksNameOnUpdate: true,
  prepareForCreate: foldStringData,
  prepareForUpdate: foldStringData,
  validate: validateSecret,
  warningsOnCreate: secretWarnings,
  warningsOnUpdate: secretWarnings,
  validateUpdate: (secret: Secret, old: Secret) => [
    ...immutable(FieldPath.of("type"), secret.type, old.type),
    ...validateImmutable(secret, old, ["data"]),
    ...validateSecret(secret),
  ],
  selectableFields: ({ type }: Secret) => ({ type: type ?? "" }),
  tableCells: secretCells,
};

export const serviceAccountStrategy: Strategy<ServiceAccount> = {
  checksNameOnUpdate: true,
  returnDeletedObject: true,
  tableCells: serviceAccountCells,
};

function encodeBase64(text: string): string {
  let binary = "";
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The number of bytes base64 text stands for. */
function base64Bytes(text: string): number {
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return Math.max(0, (text.length / 4) * 3 - padding);
}
