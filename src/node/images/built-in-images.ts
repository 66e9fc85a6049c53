import { ownArchitecture, buildImage, type OciImage } from "./oci-image.ts";
import { LayerBuilder } from "./image-files.ts";
import { pauseElf, type ImageArchitecture } from "./pause-elf.ts";
import { pauseImage } from "../containerd/containerd-config.ts";
import { assert } from "../../component-base/assert.ts";
import { exec } from "../exec.ts";

const architectures: readonly ImageArchitecture[] = ["amd64", "arm64"];
// What upstream's pause image runs as. Namespaces that map only root need 0.
const nobody = "65535:65535";

/** The sandbox image, made from nothing; both architectures. */
export function buildPauseImage(options: { readonly user?: string } = {}): OciImage {
  return buildImage(
    pauseImage,
    architectures.map((architecture) => ({
      architecture,
      layers: [[{ type: "file", name: "pause", data: pauseElf(architecture), mode: 0o755 }]],
      config: { User: options.user ?? nobody, Entrypoint: ["/pause"] },
    })),
  );
}

/** `busybox` of this machine with a link for each of its applets, for this machine's architecture. `names` are all given to it. */
export async function buildBusyboxImage(name: string, busybox = "/bin/busybox"): Promise<OciImage> {
  const layer = new LayerBuilder();
  for (const directory of ["etc", "root", "home", "var/log"]) layer.add({ type: "directory", name: directory });
  layer.add({ type: "directory", name: "tmp", mode: 0o1777 });
  layer.addText("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n");
  layer.addText("etc/group", "root:x:0:\nnogroup:x:65534:\n");
  await layer.addProgram("bin/busybox", busybox);
  const { stdout } = await exec(busybox, ["--list"]);
  for (const applet of stdout.split("\n")) {
    if (applet !== "" && applet !== "busybox") layer.add({ type: "symlink", name: `bin/${applet}`, target: "busybox" });
  }
  return buildImage(name, [
    { architecture: imageArchitecture(), layers: [layer.entries()], config: { Env: [`PATH=${path}`], Cmd: ["sh"] } },
  ]);
}

const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The Node that runs this process as an image, with the given scripts below `/app`, the first of which it runs. It has
 * busybox too where the machine has it, so that `exec` finds a shell.
 */
export async function buildNodeImage(
  name: string,
  scripts: Readonly<Record<string, string>>,
  options: { readonly busybox?: string } = {},
): Promise<OciImage> {
  const programs = new LayerBuilder();
  await programs.addProgram("usr/bin/node", process.execPath);
  programs.add({ type: "directory", name: "tmp", mode: 0o1777 });
  if (options.busybox !== undefined) {
    await programs.addProgram("bin/busybox", options.busybox);
    for (const applet of [
      "sh",
      "cat",
      "ls",
      "sleep",
      "kill",
      "ps",
      "hostname",
      "env",
      "wget",
      "nslookup",
      "touch",
      "rm",
    ]) {
      programs.add({ type: "symlink", name: `bin/${applet}`, target: "busybox" });
    }
  }
  const app = new LayerBuilder();
  for (const [file, content] of Object.entries(scripts)) app.addText(`app/${file}`, content);
  const first = Object.keys(scripts)[0];
  return buildImage(name, [
    {
      architecture: imageArchitecture(),
      layers: [programs.entries(), app.entries()],
      config: {
        Env: [`PATH=${path}`],
        WorkingDir: "/app",
        Entrypoint: ["/usr/bin/node"],
        ...(first === undefined ? {} : { Cmd: [`/app/${first}`] }),
      },
    },
  ]);
}

function imageArchitecture(): ImageArchitecture {
  const architecture = ownArchitecture();
  assert(architecture !== undefined, `no images for ${process.arch}`);
  return architecture;
}
