import { enableCompileCache } from "node:module";

// Must come before the other modules are loaded: it saves most of their start-up time from the second run on.
enableCompileCache();
const { main } = await import("./commands.ts");
process.exitCode = await main(process.argv.slice(2));
