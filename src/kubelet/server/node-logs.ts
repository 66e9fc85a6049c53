import { utf8Encode } from "../../component-base/bytes.ts";
import type { FileSystem } from "../../component-base/file-system.ts";
import type { HttpResponse } from "../../component-base/http.ts";

const chunkBytes = 64 * 1024;

/**
 * `/logs/{path}`: a file of the node's log directory, or the entries of a directory as a page of links. Undefined when
 * there is no such file, or the path would lead elsewhere.
 */
export async function nodeLogs(
  fileSystem: FileSystem,
  directory: string,
  parts: readonly string[],
): Promise<HttpResponse | undefined> {
  // One segment holds what was between two slashes before it was decoded: an encoded slash or dot would lead out.
  if (parts.some((part) => part === "." || part === ".." || part.includes("/") || part.includes("\0")))
    return undefined;
  const path = [directory, ...parts].join("/");
  const info = await fileSystem.stat(path);
  if (info?.type === "directory") return listing(fileSystem, path);
  if (info?.type !== "file") return undefined;
  return {
    status: 200,
    headers: { "content-type": "text/plain; charset=utf-8", "content-length": String(info.sizeBytes) },
    body: async (sink) => {
      await using file = await fileSystem.open(path, "read");
      // What is written while it is sent is for the next request: the length is promised.
      for (let offset = 0; offset < info.sizeBytes && !sink.signal.aborted;) {
        const buffer = new Uint8Array(Math.min(chunkBytes, info.sizeBytes - offset));
        const count = await file.read(buffer, offset);
        if (count === 0) throw new Error(`${path} became shorter while it was sent`);
        offset += count;
        if (!sink.write([buffer.subarray(0, count)])) await sink.drained();
      }
    },
  };
}

async function listing(fileSystem: FileSystem, path: string): Promise<HttpResponse> {
  const lines: string[] = [];
  for (const name of await fileSystem.list(path)) {
    const isDirectory = (await fileSystem.stat(`${path}/${name}`))?.type === "directory";
    const shown = isDirectory ? `${name}/` : name;
    lines.push(`<a href="${encodeURIComponent(name)}${isDirectory ? "/" : ""}">${escapeHtml(shown)}</a>`);
  }
  const page = `<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${lines.join("\n")}\n</pre>\n`;
  return { status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: utf8Encode(page) };
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&#34;");
}
