import { Quantity, QuantityError } from "../../apimachinery/quantity.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import {
  formatIp,
  formatNetwork,
  type IpAddress,
  type IpNetwork,
  parseIp,
  parseNetwork,
} from "../../apimachinery/validation/ip-address.ts";
import { CelError } from "../errors.ts";
import type { Budget } from "../eval/budget.ts";
import { JsonMap } from "../values/map-values.ts";
import { ListValue, OptionalValue, type OpaqueValue, type Value } from "../values/value.ts";
import { namedFormats } from "./named-formats.ts";
import type { Regexps } from "./regexps.ts";
import { parseSemver, type Semver, semverOrder } from "./semver.ts";
import { namedOpaque, type Functions } from "./signature.ts";

/** A value of one of the libraries: what it is, and how two are told apart. */
class Opaque<T> implements OpaqueValue {
  readonly opaque: string;
  readonly value: T;
  readonly #equal: (a: T, b: T) => boolean;

  constructor(type: string, value: T, equal: (a: T, b: T) => boolean) {
    const named = namedOpaque(type);
    this.opaque = named.kind === "opaque" ? named.name : type;
    this.value = value;
    this.#equal = equal;
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof Opaque && this.#equal(this.value, other.value as T);
  }
}

const quantityOf = (value: Quantity): Opaque<Quantity> => new Opaque("Quantity", value, (a, b) => a.equals(b));
const semverOf = (value: Semver): Opaque<Semver> => new Opaque("Semver", value, (a, b) => semverOrder(a, b) === 0);
const ipOf = (value: IpAddress): Opaque<IpAddress> =>
  new Opaque("Ip", value, (a, b) => a.family === b.family && a.value === b.value);
const cidrOf = (value: IpNetwork): Opaque<IpNetwork> =>
  new Opaque("Cidr", value, (a, b) => formatNetwork(a) === formatNetwork(b));
const urlOf = (value: UrlParts): Opaque<UrlParts> => new Opaque("Url", value, (a, b) => a.text === b.text);
const formatOf = (name: string): Opaque<string> => new Opaque("NamedFormat", name, (a, b) => a === b);

/** The libraries of Kubernetes beside lists. */
export function kubernetesFunctions(regexps: Regexps): Functions {
  return { ...patterns(regexps), ...urls, ...quantities, ...ips, ...cidrs, ...formats, ...semvers, ...jsonPatch };
}

function patterns(regexps: Regexps): Functions {
  const matches = (text: string, pattern: string, limit: number, budget: Budget): readonly string[] => {
    budget.charge((1 + text.length * 0.1) * Math.max(pattern.length * 0.25, 1));
    const regexp = regexps.get(pattern);
    const characters = Array.from(text);
    const codes = characters.map((each) => each.codePointAt(0) ?? 0);
    const found: string[] = [];
    for (let from = 0; from <= codes.length && found.length < limit;) {
      const match = regexp.find(codes, from);
      if (!match) break;
      budget.charge(1 + (match.end - from) * 0.1);
      found.push(characters.slice(match.start, match.end).join(""));
      from = match.end > match.start ? match.end : match.end + 1;
    }
    return found;
  };
  return {
    "string.find(string): string": ([text, pattern]: readonly [string, string], budget) =>
      matches(text, pattern, 1, budget)[0] ?? "",
    "string.findAll(string): list<string>": ([text, pattern]: readonly [string, string], budget) =>
      ListValue.of(matches(text, pattern, Infinity, budget)),
    "string.findAll(string, int): list<string>": ([text, pattern, count]: readonly [string, string, bigint], budget) =>
      ListValue.of(matches(text, pattern, count < 0n ? Infinity : Number(count), budget)),
  };
}

interface UrlParts {
  readonly text: string;
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
}

/** As Go's ParseRequestURI: absolute, or a path; a fragment may follow. */
function parseUrl(text: string): UrlParts | undefined {
  // oxlint-disable-next-line no-control-regex -- Go refuses control characters anywhere.
  if (text === "" || /[\x00-\x1f\x7f]/.test(text)) return undefined;
  const match = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?$/.exec(text);
  if (!match) return undefined;
  const [, scheme = "", authority, hostPart = "", path = "", query = ""] = match;
  if (scheme === "" && !path.startsWith("/") && authority === undefined) return undefined;
  if (scheme !== "" && authority === undefined && !path.startsWith("/")) return undefined;
  const host = hostPart.slice(hostPart.lastIndexOf("@") + 1);
  if (!/^(?:\[[0-9a-fA-F:.%]+\]|[^\s[\]<>"\\^`{|}:]*)(?::\d*)?$/.test(host)) return undefined;
  if (/%(?![0-9a-fA-F]{2})/.test(path)) return undefined;
  return { text, scheme: scheme.toLowerCase(), host, path: escapePath(path), query };
}

function escapePath(path: string): string {
  return path.replace(/[^\w\-.~$&+,/:;=@%!'()*[\]]/gu, (each) => encodeURIComponent(each));
}

const urls: Functions = {
  "url(string): Url": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    const url = parseUrl(text);
    if (url) return urlOf(url);
    throw new CelError(
      `URL parse error during conversion from string: parse ${goQuote(text)}: invalid URI for request`,
    );
  },
  "isURL(string): bool": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return parseUrl(text) !== undefined;
  },
  "Url.getScheme(): string": ([{ value }]: readonly [Opaque<UrlParts>]) => value.scheme,
  "Url.getHost(): string": ([{ value }]: readonly [Opaque<UrlParts>]) => value.host,
  "Url.getHostname(): string": ([{ value }]: readonly [Opaque<UrlParts>]) =>
    value.host.replace(/:\d*$/, "").replace(/^\[(.*)\]$/, "$1"),
  "Url.getPort(): string": ([{ value }]: readonly [Opaque<UrlParts>]) => /:(\d*)$/.exec(value.host)?.[1] ?? "",
  "Url.getEscapedPath(): string": ([{ value }]: readonly [Opaque<UrlParts>]) => value.path,
  "Url.getQuery(): map<string, list<string>>": ([{ value }]: readonly [Opaque<UrlParts>]) => {
    const values: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
    for (const [key, each] of new URLSearchParams(value.query)) (values[key] ??= []).push(each);
    return new JsonMap(values, (list) => ListValue.of(list as string[]));
  },
};

function quantityIn(text: string): Quantity {
  try {
    return Quantity.parse(text);
  } catch (error) {
    if (error instanceof QuantityError) throw new CelError(error.message);
    throw error;
  }
}

/** Whole amounts of 64 bits; undefined for others. */
function wholeAmount(value: Quantity): bigint | undefined {
  const whole = value.value();
  return Quantity.of(whole).equals(value) && BigInt.asIntN(64, whole) === whole ? whole : undefined;
}

type Amount = Opaque<Quantity>;

const quantities: Functions = {
  "quantity(string): Quantity": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return quantityOf(quantityIn(text));
  },
  "isQuantity(string): bool": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return Quantity.tryParse(text) !== undefined;
  },
  "sign(Quantity): int": ([{ value }]: readonly [Amount]) => BigInt(Math.sign(value.compare(Quantity.zero))),
  "Quantity.isGreaterThan(Quantity): bool": ([a, b]: readonly [Amount, Amount]) => a.value.compare(b.value) > 0,
  "Quantity.isLessThan(Quantity): bool": ([a, b]: readonly [Amount, Amount]) => a.value.compare(b.value) < 0,
  "Quantity.compareTo(Quantity): int": ([a, b]: readonly [Amount, Amount]) =>
    BigInt(Math.sign(a.value.compare(b.value))),
  "Quantity.asApproximateFloat(): double": ([{ value }]: readonly [Amount]) => value.toApproximateNumber(),
  "Quantity.asInteger(): int": ([{ value }]: readonly [Amount]) => {
    const whole = wholeAmount(value);
    if (whole === undefined) throw new CelError("cannot convert value to integer");
    return whole;
  },
  "Quantity.isInteger(): bool": ([{ value }]: readonly [Amount]) => wholeAmount(value) !== undefined,
  "Quantity.add(Quantity): Quantity": ([a, b]: readonly [Amount, Amount]) => quantityOf(a.value.add(b.value)),
  "Quantity.add(int): Quantity": ([a, b]: readonly [Amount, bigint]) => quantityOf(a.value.add(Quantity.of(b))),
  "Quantity.sub(Quantity): Quantity": ([a, b]: readonly [Amount, Amount]) => quantityOf(a.value.sub(b.value)),
  "Quantity.sub(int): Quantity": ([a, b]: readonly [Amount, bigint]) => quantityOf(a.value.sub(Quantity.of(b))),
};

/** Strict, as netip.ParseAddr, and no IPv4 address in IPv6 dress. Throws CelError. */
function strictIp(text: string): IpAddress {
  const ip = parseIp(text);
  if (text.includes("%")) throw new CelError(`IP address ${goQuote(text)} with zone value is not allowed`);
  if (!ip || ip.hasLeadingZeros) {
    const why = text.includes(".") || text.includes(":") ? "invalid IP address" : "unable to parse IP";
    throw new CelError(
      `IP Address ${goQuote(text)} parse error during conversion from string: ParseAddr(${goQuote(text)}): ${why}`,
    );
  }
  if (ip.isMapped) throw new CelError(`IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`);
  return ip;
}

function strictCidr(text: string): IpNetwork {
  const network = parseNetwork(text);
  if (!network || network.hasLeadingZeros) {
    const why = text.includes("/") ? "invalid prefix" : "no '/'";
    throw new CelError(
      `network address parse error during conversion from string: netip.ParsePrefix(${goQuote(text)}): ${why}`,
    );
  }
  if (network.address.isMapped) throw new CelError(`IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`);
  return network;
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof CelError) return false;
    throw error;
  }
}

type Ip = Opaque<IpAddress>;
type Cidr = Opaque<IpNetwork>;

function isIn({ family, value }: IpAddress, v4: readonly [bigint, bigint], v6: readonly [bigint, bigint]): boolean {
  const [prefix, shift] = family === 4 ? v4 : v6;
  return value >> shift === prefix;
}

const isLoopback = (ip: IpAddress): boolean => isIn(ip, [127n, 24n], [1n, 0n]);
const isUnspecified = ({ value }: IpAddress): boolean => value === 0n;
const isLinkLocalUnicast = (ip: IpAddress): boolean => isIn(ip, [0xa9fen, 16n], [0xfe80n >> 6n, 118n]);
const isMulticast = (ip: IpAddress): boolean => isIn(ip, [0xen, 28n], [0xffn, 120n]);
const isLinkLocalMulticast = (ip: IpAddress): boolean =>
  ip.family === 4 ? ip.value >> 8n === 0xe00000n : ((ip.value >> 112n) & 0xff0fn) === 0xff02n;

const ips: Functions = {
  "ip(string): Ip": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return ipOf(strictIp(text));
  },
  "isIP(string): bool": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return succeeds(() => strictIp(text));
  },
  "ip.isCanonical(string): bool": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return formatIp(strictIp(text)) === text;
  },
  "string(Ip): string": ([{ value }]: readonly [Ip]) => formatIp(value),
  "Ip.family(): int": ([{ value }]: readonly [Ip]) => BigInt(value.family),
  "Ip.isUnspecified(): bool": ([{ value }]: readonly [Ip]) => isUnspecified(value),
  "Ip.isLoopback(): bool": ([{ value }]: readonly [Ip]) => isLoopback(value),
  "Ip.isLinkLocalMulticast(): bool": ([{ value }]: readonly [Ip]) => isLinkLocalMulticast(value),
  "Ip.isLinkLocalUnicast(): bool": ([{ value }]: readonly [Ip]) => isLinkLocalUnicast(value),
  "Ip.isGlobalUnicast(): bool": ([{ value }]: readonly [Ip]) =>
    !isUnspecified(value) &&
    !isLoopback(value) &&
    !isMulticast(value) &&
    !isLinkLocalUnicast(value) &&
    !(value.family === 4 && value.value === 0xffffffffn),
};

function masked({ address, prefixLength }: IpNetwork): IpNetwork {
  const host = BigInt((address.family === 4 ? 32 : 128) - prefixLength);
  const value = (address.value >> host) << host;
  return { address: { ...address, value }, prefixLength, hasHostBits: false, hasLeadingZeros: false };
}

function contains(network: IpNetwork, ip: IpAddress): boolean {
  const host = BigInt((network.address.family === 4 ? 32 : 128) - network.prefixLength);
  return network.address.family === ip.family && network.address.value >> host === ip.value >> host;
}

function containsNetwork(outer: IpNetwork, inner: IpNetwork): boolean {
  return inner.prefixLength >= outer.prefixLength && contains(outer, inner.address);
}

const cidrs: Functions = {
  "cidr(string): Cidr": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    try {
      return cidrOf(strictCidr(text));
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      throw new CelError(`network address parse error during conversion from string: ${error.message}`);
    }
  },
  "isCIDR(string): bool": ([text]: readonly [string], budget) => {
    budget.chargeText(text.length);
    return succeeds(() => strictCidr(text));
  },
  "string(Cidr): string": ([{ value }]: readonly [Cidr]) => formatNetwork(value),
  "Cidr.containsIP(string): bool": ([{ value }, text]: readonly [Cidr, string]) => contains(value, strictIp(text)),
  "Cidr.containsIP(Ip): bool": ([{ value }, ip]: readonly [Cidr, Ip]) => contains(value, ip.value),
  "Cidr.containsCIDR(string): bool": ([{ value }, text]: readonly [Cidr, string]) =>
    containsNetwork(value, strictCidr(text)),
  "Cidr.containsCIDR(Cidr): bool": ([{ value }, other]: readonly [Cidr, Cidr]) => containsNetwork(value, other.value),
  "Cidr.ip(): Ip": ([{ value }]: readonly [Cidr]) => ipOf(value.address),
  "Cidr.prefixLength(): int": ([{ value }]: readonly [Cidr]) => BigInt(value.prefixLength),
  "Cidr.masked(): Cidr": ([{ value }]: readonly [Cidr]) => cidrOf(masked(value)),
};

const formats: Functions = {
  ...Object.fromEntries(
    Object.keys(namedFormats).map((name) => [`format.${name}(): NamedFormat`, (): Value => formatOf(name)]),
  ),
  "format.named(string): optional<NamedFormat>": ([name]: readonly [string]) =>
    new OptionalValue(Object.hasOwn(namedFormats, name) ? formatOf(name) : undefined),
  "NamedFormat.validate(string): optional<list<string>>": (
    [{ value }, text]: readonly [Opaque<string>, string],
    budget,
  ) => {
    budget.charge(1 + text.length * 0.1 * 10);
    const messages = namedFormats[value]?.(text) ?? [];
    return new OptionalValue(messages.length === 0 ? undefined : ListValue.of(messages));
  },
};

type Version = Opaque<Semver>;

const semvers: Functions = {
  "semver(string): Semver": ([text]: readonly [string]) => semverOf(parseSemver(text, false)),
  "semver(string, bool): Semver": ([text, isLoose]: readonly [string, boolean]) => semverOf(parseSemver(text, isLoose)),
  "isSemver(string): bool": ([text]: readonly [string]) => succeeds(() => parseSemver(text, false)),
  "isSemver(string, bool): bool": ([text, isLoose]: readonly [string, boolean]) =>
    succeeds(() => parseSemver(text, isLoose)),
  "Semver.isGreaterThan(Semver): bool": ([a, b]: readonly [Version, Version]) => semverOrder(a.value, b.value) > 0,
  "Semver.isLessThan(Semver): bool": ([a, b]: readonly [Version, Version]) => semverOrder(a.value, b.value) < 0,
  "Semver.compareTo(Semver): int": ([a, b]: readonly [Version, Version]) => BigInt(semverOrder(a.value, b.value)),
  "Semver.major(): int": ([{ value }]: readonly [Version]) => value.major,
  "Semver.minor(): int": ([{ value }]: readonly [Version]) => value.minor,
  "Semver.patch(): int": ([{ value }]: readonly [Version]) => value.patch,
};

const jsonPatch: Functions = {
  "jsonpatch.escapeKey(string): string": ([key]: readonly [string], budget) => {
    budget.chargeText(key.length);
    return key.replaceAll("~", "~0").replaceAll("/", "~1");
  },
};
