import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { exec } from "../exec.ts";
import { buildPauseImage } from "./built-in-images.ts";
import { ImageArchiveError, readImageArchive } from "./image-archive.ts";
import { canonicalImageName } from "./image-reference.ts";
import { buildImage, layoutTar, ownArchitecture, type OciImage } from "./oci-image.ts";
import { pauseElf } from "./pause-elf.ts";
import { readTar, TarError, writeTar, type TarEntry } from "./tar.ts";

function file(name: string, data: string | Uint8Array): TarEntry {
  return { type: "file", name, data: Buffer.from(data) };
}

test("tar: what is written is read, long names and links included", () => {
  const long = `${"directory/".repeat(12)}file`;
  const entries: readonly TarEntry[] = [
    { type: "directory", name: "a" },
    file("a/b", "content"),
    file(long, "deep"),
    file("empty", ""),
    { type: "symlink", name: "a/link", target: "../empty" },
    { type: "link", name: "hard", target: "a/b" },
  ];
  const read = readTar(writeTar(entries));
  assert.equal(Buffer.from(read.get("a/b") ?? []).toString(), "content");
  assert.equal(Buffer.from(read.get(long) ?? []).toString(), "deep");
  assert.equal(Buffer.from(read.get("hard") ?? []).toString(), "content");
  assert.equal(read.get("a/link")?.length, 0);
  assert.throws(() => writeTar([file("x".repeat(200), "")]), /too long/);
});

test("tar: the system's tar agrees, both ways", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "tar-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const long = `${"n".repeat(120)}/${"m".repeat(120)}`;
  writeFileSync(path.join(directory, "a.tar"), writeTar([file("x/y", "hello"), file("z", "")]));
  const listed = await exec("tar", ["-tvf", path.join(directory, "a.tar")]);
  assert.match(listed.stdout, /^-rw-r--r-- 0\/0\s+5 1970-01-01 \S+ x\/y\n-rw/);
  for (const format of ["gnu", "pax"]) {
    const archive = path.join(directory, `${format}.tar`);
    const transform = ["--transform", `s|z|${long}|`, "--format", format];
    await exec("tar", ["-xf", path.join(directory, "a.tar"), "-C", directory]);
    const made = await exec("tar", ["-cf", archive, "-C", directory, ...transform, "x/y", "z"]);
    assert.equal(made.exitCode, 0, made.stderr);
    assert.deepEqual([...readTar(readFileSync(archive)).keys()], ["x/y", long]);
  }
});

test("tar: cut off or not an archive", () => {
  const archive = writeTar([file("a", "x".repeat(2000))]);
  assert.throws(() => readTar(archive.subarray(0, 1500)), TarError);
  assert.throws(() => readTar(Buffer.alloc(1024, 1)), TarError);
});

test("an OCI layout keeps name, platforms and references", () => {
  const image = buildPauseImage();
  const [read] = readImageArchive(gzipSync(layoutTar([image])));
  assert(read);
  assert.equal(read.name, image.name);
  assert.deepEqual(read.target, image.target);
  const referencesOf = ({ blobs }: OciImage): object => Object.fromEntries(blobs.map((b) => [b.digest, b.references]));
  assert.deepEqual(referencesOf(read), referencesOf(image));
  assert.deepEqual(buildPauseImage().target, image.target);
});

test("a docker save archive gets a manifest; its names become canonical", () => {
  const layer = writeTar([file("etc/x", "1")]);
  const manifest = [{ Config: "abc.json", RepoTags: ["web:1", "team/web:2"], Layers: ["1/layer.tar"] }];
  const archive = writeTar([
    file("abc.json", '{"architecture":"amd64"}'),
    file("1/layer.tar", layer),
    file("manifest.json", JSON.stringify(manifest)),
  ]);
  const images = readImageArchive(archive);
  assert.deepEqual(
    images.map((i) => i.name),
    ["docker.io/library/web:1", "docker.io/team/web:2"],
  );
  assert.equal(images[0]?.blobs.length, 3);
});

test("archives that lack or damage something say so", () => {
  const image = buildPauseImage();
  const files = readTar(layoutTar([image]));
  const rebuild = (change: (name: string, data: Uint8Array) => Uint8Array | undefined): Buffer =>
    writeTar(
      [...files].flatMap(([name, data]) => {
        const changed = change(name, data);
        return changed ? [file(name, changed)] : [];
      }),
    );
  const config = image.blobs[1]?.digest.slice("sha256:".length) ?? "";
  assert.throws(() => readImageArchive(rebuild((n, d) => (n.endsWith(config) ? undefined : d))), /lacks sha256/);
  assert.throws(() => readImageArchive(rebuild((n, d) => (n.endsWith(config) ? Buffer.from("{}") : d))), /damaged/);
  assert.throws(() => readImageArchive(writeTar([file("x", "y")])), ImageArchiveError);
  assert.throws(() => readImageArchive(writeTar([file("index.json", "{")])), /not JSON/);
});

test("only the platforms that an archive holds count", () => {
  const image = buildPauseImage();
  const files = readTar(layoutTar([image]));
  const arm = image.blobs.slice(3, 6).map((b) => b.digest.slice("sha256:".length));
  const kept = [...files].filter(([name]) => !arm.some((digest) => name.endsWith(digest)));
  const [read] = readImageArchive(writeTar(kept.map(([name, data]) => file(name, data))));
  assert.equal(read?.blobs.length, 4);
});

test("image references in full", () => {
  const table: Readonly<Record<string, string>> = {
    busybox: "docker.io/library/busybox:latest",
    "busybox:1.25": "docker.io/library/busybox:1.25",
    "team/app": "docker.io/team/app:latest",
    "localhost/app:1": "localhost/app:1",
    "127.0.0.1:5000/a/b": "127.0.0.1:5000/a/b:latest",
    "registry.k8s.io/pause:3.10": "registry.k8s.io/pause:3.10",
    "app@sha256:00": "docker.io/library/app@sha256:00",
  };
  for (const [short, full] of Object.entries(table)) assert.equal(canonicalImageName(short), full);
});

test("pause waits, ignores what is not meant for it, and ends with 0 on SIGTERM", async (t) => {
  assert.equal(pauseElf("amd64").length, 203);
  assert.equal(pauseElf("arm64").length, 252);
  const architecture = ownArchitecture();
  if (process.platform !== "linux" || !architecture) return t.skip("no such program runs here");
  const directory = mkdtempSync(path.join(tmpdir(), "pause-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const program = path.join(directory, "pause");
  writeFileSync(program, pauseElf(architecture), { mode: 0o755 });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const child = spawn(program);
    await once(child, "spawn");
    // Until it waits for them, signals have their usual effect.
    while (!/^Name:\tpause\n[^]*^State:\tS/m.test(readFileSync(`/proc/${child.pid}/status`, "utf8"))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    child.kill("SIGCHLD");
    child.kill(signal);
    assert.deepEqual(await once(child, "exit"), [0, null]);
  }
});

test("equal layers are one blob of a layout", () => {
  const layers = [[file("a", "1")]];
  const images = ["x:1", "x:2"].map((name) => buildImage(name, [{ architecture: "amd64", layers, config: {} }]));
  const blobs = [...readTar(layoutTar(images)).keys()].filter((name) => name.startsWith("blobs/"));
  assert.equal(blobs.length, 3);
});
