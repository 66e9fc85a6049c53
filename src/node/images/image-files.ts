import { lstat, readdir, readFile, readlink, realpath } from "node:fs/promises";
import * as path from "node:path";

import { exec } from "../exec.ts";
import type { TarEntry } from "./tar.ts";

/** The entries of one layer, in order, with the directories they need. */
export class LayerBuilder {
  readonly #entries = new Map<string, TarEntry>();

  /** Later entries of a name replace earlier ones. */
  add(entry: TarEntry): void {
    const name = entry.name.replace(/^\/+/, "");
    this.#addParents(name);
    this.#entries.set(name, { ...entry, name });
  }

  addText(name: string, content: string, mode = 0o644): void {
    this.add({ type: "file", name, data: Buffer.from(content), mode });
  }

  /** Adds the files below a directory of this machine at `name`. */
  async addTree(name: string, source: string): Promise<void> {
    for (const entry of await readdir(source, { withFileTypes: true })) {
      const from = path.join(source, entry.name);
      const to = path.posix.join(name, entry.name);
      if (entry.isDirectory()) {
        this.add({ type: "directory", name: to, mode: (await lstat(from)).mode & 0o7777 });
        await this.addTree(to, from);
      } else if (entry.isSymbolicLink()) this.add({ type: "symlink", name: to, target: await readlink(from) });
      else if (entry.isFile()) await this.addFile(to, from);
    }
  }

  async addFile(name: string, source: string): Promise<void> {
    const real = await realpath(source);
    this.add({ type: "file", name, data: await readFile(real), mode: (await lstat(real)).mode & 0o7777 });
  }

  /** Adds a program and the shared libraries that the loader would find for it on this machine, at their own places. */
  async addProgram(name: string, source: string): Promise<void> {
    await this.addFile(name, source);
    const { stdout } = await exec("ldd", [await realpath(source)]);
    // Lines are "libc.so.6 => /lib/…/libc.so.6 (0x…)" or "/lib64/ld-linux-x86-64.so.2 (0x…)"; a static program has none.
    for (const [, library = ""] of stdout.matchAll(/(?:^|=>)\s*(\/\S+) \(0x/gm)) await this.addFile(library, library);
  }

  entries(): readonly TarEntry[] {
    return [...this.#entries.values()];
  }

  #addParents(name: string): void {
    const parent = path.posix.dirname(name);
    if (parent === "." || parent === "/" || this.#entries.has(parent)) return;
    this.#addParents(parent);
    this.#entries.set(parent, { type: "directory", name: parent });
  }
}
