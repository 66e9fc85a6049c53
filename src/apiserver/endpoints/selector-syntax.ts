// STANDIN until apimachinery/labels and fields land.
import type { FieldRequirement } from "../storage/selection.ts";
export function parseLabelSelector(text: string): { matches(labels: Readonly<Record<string, string>>): boolean } {
  const terms = text.split(",").map((t) => /^([^=!]+)(==?|!=)(.*)$/.exec(t.trim()));
  return {
    matches: (labels) => terms.every((m) => m !== null && (labels[m[1] ?? ""] === m[3]) === (m[2] !== "!=")),
  };
}
export function parseFieldSelector(text: string): readonly FieldRequirement[] {
  return text.split(",").map((t) => {
    const m = /^([^=!]+)(==?|!=)(.*)$/.exec(t.trim());
    return { field: m?.[1] ?? "", operator: m?.[2] === "!=" ? "!=" : "=", value: m?.[3] ?? "" };
  });
}
