import { cbc, gcm } from "@noble/ciphers/aes.js";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";

import { utf8Encode } from "../../../component-base/bytes.ts";
import type { Random } from "../../../component-base/random.ts";
import { TransformError } from "./transformer.ts";
import type { ValueTransformer } from "./transformer.ts";

// In the forms upstream stores: the nonce, then what was made with it.

const tooShort = "the stored data was shorter than the required size";

interface Cipher {
  encrypt(plain: Uint8Array): Uint8Array;
  decrypt(sealed: Uint8Array): Uint8Array;
}

/** AES-GCM. A value is bound to its key in the store: it does not open under another. */
export function aesGcm(secret: Uint8Array, random: Random): ValueTransformer {
  return sealing(random, 12, 12, "cipher: message authentication failed", (nonce, key) =>
    gcm(secret, nonce, utf8Encode(key)),
  );
}

/** AES-CBC with PKCS#7 padding, which tells nothing of who wrote it. */
export function aesCbc(secret: Uint8Array, random: Random): ValueTransformer {
  return sealing(random, 16, 16, "invalid PKCS7 data (empty or not padded)", (iv) => cbc(secret, iv));
}

/** NaCl's secretbox: XSalsa20 and Poly1305. */
export function secretbox(secret: Uint8Array, random: Random): ValueTransformer {
  const nonceBytes = 24;
  const tagBytes = 16;
  return sealing(
    random,
    nonceBytes,
    nonceBytes + tagBytes,
    "output array was not large enough for encryption",
    (nonce) => xsalsa20poly1305(secret, nonce),
  );
}

function sealing(
  random: Random,
  nonceBytes: number,
  storedBytesMin: number,
  whenWrong: string,
  cipherOf: (nonce: Uint8Array, key: string) => Cipher,
): ValueTransformer {
  return {
    toStorage: (value, key) => {
      const nonce = random.bytes(nonceBytes);
      const sealed = cipherOf(nonce, key).encrypt(value);
      const out = new Uint8Array(nonceBytes + sealed.length);
      out.set(nonce);
      out.set(sealed, nonceBytes);
      return out;
    },
    fromStorage: (stored, key) => {
      if (stored.length < storedBytesMin) throw new TransformError(tooShort);
      const cipher = cipherOf(stored.subarray(0, nonceBytes), key);
      try {
        return cipher.decrypt(stored.subarray(nonceBytes));
      } catch (error) {
        throw new TransformError(whenWrong, { cause: error });
      }
    },
    isCurrent: () => true,
  };
}
