/** The full form of an image reference, as containerd stores names: registry, path and tag (or digest) are all there. */
export function canonicalImageName(reference: string): string {
  const [name = "", digest] = reference.split("@");
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  // A first part is a registry only when it could not be a user name.
  const hasRegistry = first.includes(".") || first.includes(":") || first === "localhost";
  const withRegistry = hasRegistry ? name : `docker.io/${slash < 0 ? `library/${name}` : name}`;
  if (digest !== undefined) return `${withRegistry}@${digest}`;
  return withRegistry.lastIndexOf(":") > withRegistry.lastIndexOf("/") ? withRegistry : `${withRegistry}:latest`;
}
