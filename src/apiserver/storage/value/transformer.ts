import { startsWith } from "./bytes-prefix.ts";

/** How an object's bytes become what the store keeps, and back. Synchronous: who watches the store is told in its turn. */
export interface ValueTransformer {
  /** `key` is where the value is kept; what it can be bound to, it is. */
  toStorage(value: Uint8Array, key: string): Uint8Array;
  /** Throws TransformError for what it cannot read. */
  fromStorage(stored: Uint8Array, key: string): Uint8Array;
  /** What is stored is as it would be written now. */
  isCurrent(stored: Uint8Array): boolean;
}

/** What the store keeps cannot be read: a key is missing or wrong, or it was tampered with. */
export class TransformError extends Error {
  override readonly name = "TransformError";
}

/** Of all that is stored encrypted. */
export const encryptedPrefix = "k8s:enc:";

/** Keeps values as they are, and reads none that is encrypted. */
export const identity: ValueTransformer = {
  toStorage: (value) => value,
  fromStorage: (stored) => {
    if (startsWith(stored, encryptedPrefix))
      throw new TransformError("identity transformer tried to read encrypted data");
    return stored;
  },
  isCurrent: (stored) => !startsWith(stored, encryptedPrefix),
};

/** One way to keep values: what is kept so begins with its prefix. The empty prefix is that of what is not changed. */
export interface PrefixedTransformer {
  readonly prefix: string;
  readonly transformer: ValueTransformer;
}

/**
 * The first writes; of those whose prefix a value has, the first that can reads it. Several may have the same prefix, as when
 * keys are changed. `whenNone` is the complaint when none has it.
 */
export function prefixed(transformers: readonly PrefixedTransformer[], whenNone: string): ValueTransformer {
  const [first] = transformers;
  if (!first) throw new TypeError("no transformer");
  return {
    toStorage: (value, key) => withPrefix(first.prefix, first.transformer.toStorage(value, key)),
    fromStorage: (stored, key) => {
      const reasons: string[] = [];
      for (const { prefix, transformer } of transformers) {
        if (!startsWith(stored, prefix)) continue;
        try {
          return transformer.fromStorage(stored.subarray(prefix.length), key);
        } catch (error) {
          if (!(error instanceof TransformError)) throw error;
          // That something is encrypted says nothing about who can read it.
          if (prefix !== "") reasons.push(error.message);
        }
      }
      const [only, ...others] = reasons;
      if (only === undefined) throw new TransformError(whenNone);
      throw new TransformError(others.length === 0 ? only : `[${reasons.join(", ")}]`);
    },
    isCurrent: (stored) =>
      startsWith(stored, first.prefix) && first.transformer.isCurrent(stored.subarray(first.prefix.length)),
  };
}

function withPrefix(prefix: string, value: Uint8Array): Uint8Array {
  if (prefix === "") return value;
  const out = new Uint8Array(prefix.length + value.length);
  for (let i = 0; i < prefix.length; i++) out[i] = prefix.charCodeAt(i);
  out.set(value, prefix.length);
  return out;
}
