import { assert } from "../../component-base/assert.ts";

/** One member of a tar archive. Names are relative, without a trailing slash. */
export type TarEntry =
  | {
      readonly type: "file";
      readonly name: string;
      readonly data: Uint8Array;
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
    }
  | {
      readonly type: "directory";
      readonly name: string;
      readonly mode?: number;
      readonly uid?: number;
      readonly gid?: number;
    }
  | { readonly type: "symlink" | "link"; readonly name: string; readonly target: string };

const blockBytes = 512;
const typeFlags = { file: "0", link: "1", symlink: "2", directory: "5" } as const;

/** Writes a ustar archive. Times are zero, so equal content is equal bytes. */
export function writeTar(entries: readonly TarEntry[]): Buffer {
  const out: Buffer[] = [];
  for (const entry of entries) {
    const data = entry.type === "file" ? entry.data : Buffer.alloc(0);
    out.push(header(entry, data.length), Buffer.from(data.buffer, data.byteOffset, data.length));
    const rest = data.length % blockBytes;
    if (rest > 0) out.push(Buffer.alloc(blockBytes - rest));
  }
  out.push(Buffer.alloc(2 * blockBytes));
  return Buffer.concat(out);
}

function header(entry: TarEntry, size: number): Buffer {
  const out = Buffer.alloc(blockBytes);
  const octal = (value: number, at: number, length: number): void =>
    void out.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
  const owned = entry.type === "file" || entry.type === "directory" ? entry : { mode: 0o777 };
  const {
    mode = entry.type === "directory" ? 0o755 : 0o644,
    uid = 0,
    gid = 0,
  } = owned as {
    readonly mode?: number;
    readonly uid?: number;
    readonly gid?: number;
  };
  const { prefix, name } = splitName(entry.type === "directory" ? `${entry.name}/` : entry.name);
  out.write(name, 0);
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  out.write("        ", 148);
  out.write(typeFlags[entry.type], 156);
  if ("target" in entry) out.write(entry.target, 157);
  out.write("ustar\u000000", 257, "latin1");
  out.write(prefix, 345);
  let sum = 0;
  for (const byte of out) sum += byte;
  out.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return out;
}

/** ustar holds 100 bytes of name after up to 155 of prefix, cut at a slash. */
function splitName(name: string): { readonly prefix: string; readonly name: string } {
  const length = Buffer.byteLength(name);
  if (length <= 100) return { prefix: "", name };
  const bytes = Buffer.from(name);
  const cut = bytes.indexOf("/", length - 101);
  assert(cut > 0 && cut <= 155 && cut < length - 1, `name too long for an archive: ${name}`);
  return { prefix: bytes.toString("utf8", 0, cut), name: bytes.toString("utf8", cut + 1) };
}

/** The archive is cut off or not one. */
export class TarError extends Error {
  override readonly name = "TarError";
}

/**
 * Reads the files of a tar archive (ustar, with the GNU and PAX extensions for long names). Links are followed by name
 * when they point at a file of the archive; other members are skipped. The contents share memory with `archive`.
 */
export function readTar(archive: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.length);
  const files = new Map<string, Uint8Array>();
  const links: { readonly name: string; readonly target: string }[] = [];
  let longName: string | undefined;
  let longLink: string | undefined;
  for (let at = 0; at + blockBytes <= bytes.length;) {
    const head = bytes.subarray(at, at + blockBytes);
    if (head.every((b) => b === 0)) break;
    if (readOctal(head, 148, 8) !== checksum(head)) throw new TarError(`not a tar archive: bad checksum at byte ${at}`);
    const size = readOctal(head, 124, 12);
    const data = bytes.subarray(at + blockBytes, at + blockBytes + size);
    if (data.length < size) throw new TarError("the tar archive is cut off");
    at += blockBytes + Math.ceil(size / blockBytes) * blockBytes;
    const flag = String.fromCharCode(head[156] ?? 0);
    if (flag === "L") longName = cString(data, 0, size);
    else if (flag === "K") longLink = cString(data, 0, size);
    else if (flag === "x") {
      longName = paxValue(data, "path") ?? longName;
      longLink = paxValue(data, "linkpath") ?? longLink;
    } else {
      const name = normalize(longName ?? headerName(head));
      if (flag === "0" || flag === "\0") files.set(name, data);
      if (flag === "1") links.push({ name, target: normalize(longLink ?? cString(head, 157, 100)) });
      if (flag === "2") links.push({ name, target: resolveLink(name, longLink ?? cString(head, 157, 100)) });
      longName = undefined;
      longLink = undefined;
    }
  }
  for (const { name, target } of links) {
    const data = files.get(target);
    if (data) files.set(name, data);
  }
  return files;
}

function headerName(head: Buffer): string {
  const prefix = head.toString("latin1", 257, 262) === "ustar" ? cString(head, 345, 155) : "";
  const name = cString(head, 0, 100);
  return prefix === "" ? name : `${prefix}/${name}`;
}

function checksum(head: Buffer): number {
  let sum = 0;
  for (let i = 0; i < blockBytes; i++) sum += i >= 148 && i < 156 ? 32 : (head[i] ?? 0);
  return sum;
}

/** Sizes of 8 GiB and more are binary, marked by the top bit. */
function readOctal(head: Buffer, at: number, length: number): number {
  if (((head[at] ?? 0) & 0x80) !== 0) return Number(head.readBigUInt64BE(at + length - 8));
  return Number.parseInt(cString(head, at, length).trim() || "0", 8);
}

function cString(bytes: Buffer, at: number, length: number): string {
  const end = bytes.subarray(at, at + length).indexOf(0);
  return bytes.toString("utf8", at, end < 0 ? at + length : at + end);
}

/** PAX records are lines `<length of the line> <key>=<value>`. */
function paxValue(data: Buffer, key: string): string | undefined {
  for (let at = 0; at < data.length;) {
    const length = Number.parseInt(data.toString("latin1", at, data.indexOf(" ", at)), 10);
    if (!(length > 0)) throw new TarError("bad extended header in the tar archive");
    const record = data.toString("utf8", data.indexOf(" ", at) + 1, at + length - 1);
    if (record.startsWith(`${key}=`)) return record.slice(key.length + 1);
    at += length;
  }
  return undefined;
}

function normalize(name: string): string {
  return name.replace(/^(\.?\/)+/, "").replace(/\/+$/, "");
}

function resolveLink(name: string, target: string): string {
  return new URL(target, `file:///${name}`).pathname.slice(1);
}
