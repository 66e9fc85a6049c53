import { base64Decode } from "../../../component-base/bytes.ts";
import type { Random } from "../../../component-base/random.ts";
import { goQuote } from "../../../apimachinery/go-format.ts";
import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  aggregateMessages,
  fieldInvalid,
  fieldRequired,
  formatFieldError,
} from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { aesCbc, aesGcm, secretbox } from "./ciphers.ts";
import { encryptedPrefix, identity, prefixed } from "./transformer.ts";
import type { PrefixedTransformer, ValueTransformer } from "./transformer.ts";
import type { ResourceTransformers } from "./transforming-backend.ts";

interface Key {
  readonly name: string;
  readonly secret: string;
}

/** The providers with keys of their own, and how a secret of theirs must be. */
const ciphers = {
  aesgcm: { make: aesGcm, secretBytes: [16, 24, 32], title: "AES" },
  aescbc: { make: aesCbc, secretBytes: [16, 24, 32], title: "AES" },
  secretbox: { make: secretbox, secretBytes: [32], title: "Secretbox" },
} as const;
type CipherName = keyof typeof ciphers;
const cipherNames = Object.keys(ciphers) as readonly CipherName[];

type Provider = { readonly [name in CipherName]?: readonly Key[] } & { readonly isIdentity: boolean };

interface ResourceConfiguration {
  readonly resources: readonly string[];
  readonly providers: readonly Provider[];
}

const noMatch = "no matching prefix found";

/**
 * An `apiserver.config.k8s.io/v1` EncryptionConfiguration: for each resource, the first of its providers writes, and all read.
 * The most specific entry counts: `secrets`, `deployments.apps`, then `*.apps`, then `*.*`; of two for the same, the first.
 */
export class EncryptionConfiguration implements ResourceTransformers {
  readonly #transformers: ReadonlyMap<string, ValueTransformer>;

  private constructor(transformers: ReadonlyMap<string, ValueTransformer>) {
    this.#transformers = transformers;
  }

  /** Throws an Error that says what is wrong, in upstream's words. Secrets are not among them. */
  static parse(document: unknown, random: Random): EncryptionConfiguration {
    const entries = read(document);
    const errors = validate(entries);
    if (errors.length > 0) throw new Error(aggregateMessages(errors.map(formatFieldError)));
    const transformers = new Map<string, ValueTransformer>();
    for (const { resources, providers } of entries) {
      const made = prefixed(
        providers.flatMap((provider) => transformersOf(provider, random)),
        noMatch,
      );
      for (const name of resources) {
        const { group, resource } = splitName(name);
        const key = `${group}/${resource}`;
        if (!transformers.has(key)) transformers.set(key, made);
      }
    }
    return new EncryptionConfiguration(transformers);
  }

  transformerOf(group: string, resource: string): ValueTransformer {
    const names = [`${group}/${resource}`, `${group}/*`, "*/*"];
    for (const name of names) {
      const found = this.#transformers.get(name);
      if (found) return found;
    }
    return identity;
  }
}

/** `deployments.apps`, `secrets`, `*.` (all of the core group). */
function splitName(name: string): { readonly group: string; readonly resource: string } {
  const dot = name.indexOf(".");
  return dot < 0 ? { group: "", resource: name } : { group: name.slice(dot + 1), resource: name.slice(0, dot) };
}

function transformersOf(provider: Provider, random: Random): readonly PrefixedTransformer[] {
  if (provider.isIdentity) return [{ prefix: "", transformer: identity }];
  return cipherNames.flatMap((name) => {
    const keys = provider[name];
    if (!keys) return [];
    const { make, title } = ciphers[name];
    const byKey = keys.map((key) => ({
      prefix: `${key.name}:`,
      transformer: make(base64Decode(key.secret), random),
    }));
    const transformer = prefixed(byKey, `no matching key was found for the provided ${title} transformer`);
    return [{ prefix: `${encryptedPrefix}${name}:v1:`, transformer }];
  });
}

/** Takes the document apart. Throws for what is of another kind, or has members nobody knows. */
function read(document: unknown): readonly ResourceConfiguration[] {
  const { apiVersion, kind, resources, ...others } = record(document, "the configuration");
  if (apiVersion !== "apiserver.config.k8s.io/v1" || kind !== "EncryptionConfiguration") {
    const given = [kind, apiVersion].map((each) => goQuote(typeof each === "string" ? each : ""));
    throw new Error(`no kind ${given[0]} is registered for version ${given[1]}`);
  }
  onlyKnown(others, "");
  return list(resources, "resources").map((entry, i) => {
    const at = `resources[${i}]`;
    const { resources: names, providers, ...rest } = record(entry, at);
    onlyKnown(rest, at);
    return {
      resources: list(names, `${at}.resources`).map((name) => text(name, `${at}.resources`)),
      providers: list(providers, `${at}.providers`).map((provider, j) =>
        readProvider(provider, `${at}.providers[${j}]`),
      ),
    };
  });
}

function readProvider(value: unknown, at: string): Provider {
  const { identity: plain, kms, ...others } = record(value, at);
  if (kms !== undefined) throw new Error(`${at}.kms: key management services are not supported by this server`);
  const keysOf = (name: CipherName): readonly Key[] | undefined => {
    const { [name]: configured } = others;
    if (configured === undefined || configured === null) return undefined;
    const { keys, ...rest } = record(configured, `${at}.${name}`);
    onlyKnown(rest, `${at}.${name}`);
    return list(keys, `${at}.${name}.keys`).map((key, i) => {
      const path = `${at}.${name}.keys[${i}]`;
      const { name: keyName = "", secret = "", ...more } = record(key, path);
      onlyKnown(more, path);
      return { name: text(keyName, path), secret: text(secret, path) };
    });
  };
  const read = Object.fromEntries(
    cipherNames.flatMap((name) => {
      const keys = keysOf(name);
      return keys ? [[name, keys]] : [];
    }),
  );
  onlyKnown(Object.fromEntries(Object.entries(others).filter(([name]) => !Object.hasOwn(ciphers, name))), at);
  return { ...read, isIdentity: plain !== undefined && plain !== null };
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new Error(`${what} is no object`);
  return value as Readonly<Record<string, unknown>>;
}

function list(value: unknown, what: string): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw new Error(`${what} is no list`);
  return value;
}

function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw new Error(`${what}: what must be text is not`);
  return value;
}

function onlyKnown(others: Readonly<Record<string, unknown>>, at: string): void {
  const [name] = Object.keys(others);
  if (name !== undefined) throw new Error(`strict decoding error: unknown field "${at === "" ? "" : `${at}.`}${name}"`);
}

function validate(entries: readonly ResourceConfiguration[]): readonly FieldError[] {
  const root = FieldPath.of("resources");
  if (entries.length === 0) return [fieldRequired(root, "at least one resources is required")];
  return entries.flatMap(({ resources, providers }, i) => {
    const resourcesAt = root.index(i).child("resources");
    const providersAt = root.index(i).child("providers");
    return [
      ...(resources.length === 0
        ? [fieldRequired(resourcesAt, `at least one ${resourcesAt.toString()} is required`)]
        : []),
      ...validateOverlap(resources, resourcesAt),
      ...resources.flatMap((name, j) => validateName(name, resourcesAt.index(j))),
      ...(providers.length === 0
        ? [fieldRequired(providersAt, `at least one ${providersAt.toString()} is required`)]
        : []),
      ...providers.flatMap((provider, j) => validateProvider(provider, providersAt.index(j))),
    ];
  });
}

function validateOverlap(names: readonly string[], path: FieldPath): readonly FieldError[] {
  const parts = names.map(splitName);
  const pairs = parts.flatMap((a, i) => parts.slice(i + 1).map((b) => [a, b] as const));
  const isSame = pairs.some(([a, b]) => a.group === b.group && a.resource === b.resource);
  const isAll = ({ group, resource }: (typeof parts)[number]): boolean => group === "*" && resource === "*";
  const overlap = pairs.some(([a, b]) => {
    if (a.group === b.group && a.resource === b.resource) return false;
    return isAll(a) || isAll(b) || (a.group === b.group && (a.resource === "*" || b.resource === "*"));
  });
  const masked =
    "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked";
  return [
    ...(isSame ? [fieldInvalid(path, names, "the same resource cannot be specified multiple times")] : []),
    ...(overlap ? [fieldInvalid(path, names, masked)] : []),
  ];
}

const notServed: ReadonlySet<string> = new Set([
  "apiserveripinfo",
  "serviceipallocations",
  "servicenodeportallocations",
]);

function validateName(name: string, path: FieldPath): readonly FieldError[] {
  const { group, resource } = splitName(name);
  const why = ((): string | undefined => {
    if (name !== name.toLowerCase()) return "resource name should not contain capital letters";
    if (name === "*")
      return "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources";
    if (notServed.has(name)) return "resources which do not have REST API/s cannot be encrypted";
    if (group === "events.k8s.io")
      return "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file";
    if (group === "extensions") return "'extensions' group has been removed and cannot be used for encryption";
    if (group === "*" && resource !== "*") return "encrypting the same resource across groups is not supported";
    return undefined;
  })();
  return why === undefined ? [] : [fieldInvalid(path, name, why)];
}

function validateProvider(provider: Provider, path: FieldPath): readonly FieldError[] {
  const named = cipherNames.filter((name) => provider[name] !== undefined);
  const count = named.length + (provider.isIdentity ? 1 : 0);
  // What was given may hold secrets, and so is not told.
  const wrong = (why: string): readonly FieldError[] => [fieldInvalid(path, "REDACTED", why)];
  if (count === 0)
    return wrong("provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity");
  const many =
    count > 1
      ? wrong("more than one provider specified in a single element, should split into different list elements")
      : [];
  const [name] = named;
  if (name === undefined) return many;
  const keysAt = path.child(name, "keys");
  const keys = provider[name] ?? [];
  if (keys.length === 0) return [...many, fieldRequired(keysAt, "at least one keys is required")];
  const { secretBytes } = ciphers[name];
  return [...many, ...keys.flatMap((key, i) => validateKey(key, keysAt.index(i), secretBytes))];
}

function validateKey(key: Key, path: FieldPath, secretBytes: readonly number[]): readonly FieldError[] {
  const errors: FieldError[] = [];
  if (key.name === "") errors.push(fieldRequired(path.child("name"), "name is a mandatory field for a key"));
  const secretAt = path.child("secret");
  if (key.secret === "") return [...errors, fieldRequired(secretAt, "secret is a mandatory field for a key")];
  const secret = decoded(key.secret);
  if (!secret) return [...errors, fieldInvalid(secretAt, "REDACTED", "secrets must be base64 encoded")];
  if (secretBytes.includes(secret.length)) return errors;
  const why = `secret is not of the expected length, got ${secret.length}, expected one of [${secretBytes.join(" ")}]`;
  return [...errors, fieldInvalid(secretAt, "REDACTED", why)];
}

function decoded(secret: string): Uint8Array | undefined {
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(secret)) return undefined;
  return base64Decode(secret);
}
