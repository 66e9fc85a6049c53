import type { TransportRequest, TransportResponse } from "../../component-base/http.ts";

/** Where a webhook is reached, and whose certificate it must show. */
export interface WebhookTarget {
  readonly host: string;
  readonly port: number;
  /** Sent as SNI, checked against the certificate, and sent as `Host`: a Service's `<name>.<namespace>.svc`, or the URL's host. */
  readonly serverName: string;
  /** PEM of the authorities to trust; the platform's own when absent. */
  readonly caBundle?: string;
}

/**
 * The platform's way to HTTPS servers the cluster's users run: webhooks, and whatever else the API server calls. No
 * credentials are sent, and redirects are not followed. Rejects with TransportError when there is no answer, and with the
 * signal's reason when it aborts.
 */
export interface WebhookDialer {
  send(target: WebhookTarget, request: TransportRequest): Promise<TransportResponse>;
}
