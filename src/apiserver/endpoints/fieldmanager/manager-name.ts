import { isPrintable } from "../../../apimachinery/go-format.ts";
import { utf8Length } from "../../../apimachinery/validation/names.ts";

const nameBytesMax = 128;

/** The name a writer's fields are tracked under: the one it gave, else what its user agent begins with. */
export function managerName(fieldManager: string | undefined, userAgent: string | undefined): string {
  if (fieldManager) return fieldManager;
  let name = "";
  let bytes = 0;
  for (const character of (userAgent ?? "").split("/", 1)[0] ?? "") {
    if (!isPrintable(character)) continue;
    bytes += utf8Length(character);
    if (bytes > nameBytesMax) break;
    name += character;
  }
  return name;
}
