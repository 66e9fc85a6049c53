interface Class {
  readonly metadata: {
    readonly name: string;
    readonly creationTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** Of several classes that one of the annotations marks as default, the newest; of equally old ones the first by name. */
export function newestDefault<T extends Class>(classes: readonly T[], annotations: readonly string[]): T | undefined {
  const age = ({ metadata }: T): number => Date.parse(metadata.creationTimestamp ?? "") || 0;
  const [first] = classes
    .filter(({ metadata }) => annotations.some((key) => metadata.annotations?.[key] === "true"))
    .sort((a, b) => age(b) - age(a) || (a.metadata.name < b.metadata.name ? -1 : 1));
  return first;
}
