// STANDIN until apimachinery/json and yaml land.
export interface ParsedBody {
  readonly value: unknown;
  readonly duplicateFields: readonly string[];
}
export function parseJson(text: string): ParsedBody {
  return { value: JSON.parse(text) as unknown, duplicateFields: [] };
}
export function parseYaml(text: string): ParsedBody {
  return parseJson(text);
}
export function toYaml(value: unknown): string {
  return JSON.stringify(value);
}
