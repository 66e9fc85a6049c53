import { offThread } from "../../component-base/off-thread.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64url.ts";

/** A key of the token issuer; only the signing one needs its private half. */
export interface TokenKey {
  readonly publicKey: CryptoKey;
  readonly privateKey?: CryptoKey;
}

/** A key with what the token header says of it. */
export interface NamedTokenKey extends TokenKey {
  /** base64url(SHA-256(SubjectPublicKeyInfo)), as upstream derives it, so that a key has the same id in every server. */
  readonly id: string;
  readonly algorithm: "ES256" | "RS256";
}

interface DecodedToken {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly signed: Uint8Array<ArrayBuffer>;
}

const subtleParameters = {
  ES256: { name: "ECDSA", hash: "SHA-256" },
  RS256: { name: "RSASSA-PKCS1-v1_5" },
} as const;

/** Takes ECDSA P-256 and RSASSA-PKCS1-v1_5 keys; throws TypeError for others. */
export async function nameTokenKey(key: TokenKey): Promise<NamedTokenKey> {
  const algorithm = key.publicKey.algorithm;
  const spki = await offThread(crypto.subtle.exportKey("spki", key.publicKey));
  const id = encodeBase64Url(new Uint8Array(await offThread(crypto.subtle.digest("SHA-256", spki))));
  if (algorithm.name === "ECDSA" && "namedCurve" in algorithm && algorithm.namedCurve === "P-256") {
    return { ...key, id, algorithm: "ES256" };
  }
  if (algorithm.name === "RSASSA-PKCS1-v1_5") return { ...key, id, algorithm: "RS256" };
  throw new TypeError(`service account keys must be ECDSA P-256 or RSASSA-PKCS1-v1_5, not ${algorithm.name}`);
}

/** Signs claims with the key's private half. */
export async function signToken(key: NamedTokenKey, claims: Readonly<Record<string, unknown>>): Promise<string> {
  if (!key.privateKey) throw new TypeError(`key ${key.id} has no private half`);
  const encoder = new TextEncoder();
  const segment = (value: unknown): string => encodeBase64Url(encoder.encode(JSON.stringify(value)));
  const signed = `${segment({ alg: key.algorithm, kid: key.id })}.${segment(claims)}`;
  const bytes = encoder.encode(signed);
  const signature = await offThread(crypto.subtle.sign(subtleParameters[key.algorithm], key.privateKey, bytes));
  return `${signed}.${encodeBase64Url(new Uint8Array(signature))}`;
}

/** The claims, without any check: only to find out whose token it is. Undefined when it is no token. */
export function unverifiedClaims(token: string): Readonly<Record<string, unknown>> | undefined {
  return decode(token)?.claims;
}

/** The claims when one of the keys signed them. Says nothing of their content. */
export async function verifyToken(
  token: string,
  keys: readonly NamedTokenKey[],
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const decoded = decode(token);
  if (!decoded) return undefined;
  const { header, claims, signature, signed } = decoded;
  for (const key of keys) {
    // The algorithm comes from the key, never from the token: a header that asks for another one does not match.
    if (header["alg"] !== key.algorithm) continue;
    if (header["kid"] !== undefined && header["kid"] !== key.id) continue;
    const valid = await offThread(
      crypto.subtle.verify(subtleParameters[key.algorithm], key.publicKey, signature, signed),
    );
    if (valid) return claims;
  }
  return undefined;
}

function decode(token: string): DecodedToken | undefined {
  const [header, claims, signature, ...rest] = token.split(".");
  if (header === undefined || claims === undefined || signature === undefined || rest.length > 0) return undefined;
  const parsedHeader = parseSegment(header);
  const parsedClaims = parseSegment(claims);
  const signatureBytes = decodeBase64Url(signature);
  if (!parsedHeader || !parsedClaims || !signatureBytes) return undefined;
  const signed = new TextEncoder().encode(`${header}.${claims}`);
  return { header: parsedHeader, claims: parsedClaims, signature: signatureBytes, signed };
}

function parseSegment(segment: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = decodeBase64Url(segment);
  if (!bytes) return undefined;
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return isRecord(value) ? value : undefined;
  } catch {
    // Not UTF-8 or not JSON: not one of our tokens, which is an expected answer here.
    return undefined;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
