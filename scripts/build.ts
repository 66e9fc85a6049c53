// Bundles the command into dist/.
import { rmSync } from "node:fs";

import { bundle } from "./bundle.ts";

rmSync("dist", { recursive: true, force: true });
await bundle("src/cmd/main.ts", { directory: "dist", name: "k8ts", extension: ".js" });
