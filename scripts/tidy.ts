// Style that a machine can check: a README per folder, the import table of ARCHITECTURE.md, no leftovers.
import { existsSync, globSync, readdirSync, readFileSync } from "node:fs";

const problems: string[] = [];

const folders = readdirSync("src", { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort();
for (const folder of folders) {
  if (!existsSync(`src/${folder}/README.md`)) problems.push(`src/${folder} has no README.md`);
}

// The formatter pads tables; runs of blanks do not count.
const architecture = readFileSync("ARCHITECTURE.md", "utf8").replaceAll(/ +/g, " ");
for (const folder of folders) {
  const config = JSON.parse(readFileSync(`src/${folder}/tsconfig.json`, "utf8")) as {
    readonly references?: readonly { readonly path: string }[];
  };
  const imports = (config.references ?? []).map((r) => r.path.replace("../", "")).join(", ") || "nothing";
  const row = `| ${folder} | ${imports} |`;
  if (!architecture.includes(row)) problems.push(`ARCHITECTURE.md: the import table should have the row ${row}`);
}

// A character class keeps each pattern from matching its own text here.
const banned: readonly (readonly [RegExp, string])[] = [
  [/FIX[M]E/, "fix it before it merges"],
  [/console\.log\(.*(?:DEBU[G]|XX[X])/, "leftover debugging output"],
  [/test\.onl[y]\(/, "runs only one test"],
];
for (const file of globSync("{src,test,scripts,benchmarks}/**/*.ts")) {
  const text = readFileSync(file, "utf8");
  for (const [pattern, why] of banned) if (pattern.test(text)) problems.push(`${file}: ${pattern.source}: ${why}`);
}

for (const file of globSync("{src/**/README.md,*.md,docs/**/*.md}")) {
  const text = readFileSync(file, "utf8");
  for (const match of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)) {
    const target = new URL(match[1] ?? "", `file:///${file}`).pathname.slice(1);
    if (!existsSync(target)) problems.push(`${file}: link to ${match[1]} leads nowhere`);
  }
}

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
