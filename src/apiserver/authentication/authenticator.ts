import type { HttpRequest } from "../../component-base/http.ts";
import type { UserInfo } from "./user-info.ts";

export interface AuthenticationResult {
  readonly user: UserInfo;
  readonly audiences?: readonly string[];
}

/** Tries one kind of credential. */
export interface Authenticator {
  /** Undefined when the request carries no such credential; rejects with StatusError Unauthorized when it carries a bad one. */
  authenticate(request: HttpRequest): Promise<AuthenticationResult | undefined>;
}
