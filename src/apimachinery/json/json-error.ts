/** A text that is no JSON, or JSON past a limit. The message is that of Go's encoding/json. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}
