/** A volume that could not be made; the message is the event's. */
export class MountError extends Error {
  override readonly name = "MountError";
}
