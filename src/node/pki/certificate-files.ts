import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import * as path from "node:path";

import type { CertificateStore } from "../../client/certificate/certificate-manager.ts";
import type { KeyPair } from "./certificates.ts";

/** The pair `<name>.crt` and `<name>.key` in a directory; undefined unless both are there. */
export async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const [cert, key] = await Promise.all([
    readIfThere(path.join(directory, `${name}.crt`)),
    readIfThere(path.join(directory, `${name}.key`)),
  ]);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** Files are 0600. The key goes first: a certificate is never without its key. */
export async function writePair(directory: string, name: string, pair: KeyPair): Promise<void> {
  await writeWhole(path.join(directory, `${name}.key`), pair.key);
  await writeWhole(path.join(directory, `${name}.crt`), pair.cert);
}

/** Keeps one certificate of a CertificateManager. */
export function certificateFile(directory: string, name: string): CertificateStore {
  return {
    read: () => readPair(directory, name),
    write: async (pair) => {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writePair(directory, name, pair);
    },
  };
}

export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A crash leaves the old content or the new, never half of it. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.tmp`, text, { mode: 0o600, flush: true });
  await rename(`${file}.tmp`, file);
}
