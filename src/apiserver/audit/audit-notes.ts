/** What is told of a request that is recorded, by those who find it out. */
export interface AuditNotes {
  /** What the client sent, with its defaults; a patch as it came. Is copied, where it is kept. */
  noteRequest(object: unknown): void;
  /** By which verb somebody acts as somebody else; "" by the plain one. */
  noteImpersonation(constraint: string): void;
  noteDecision(decision: "allow" | "forbid", reason: string): void;
}
