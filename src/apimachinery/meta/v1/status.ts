import type { TypeSchemas } from "../../schema/type-schema.ts";

export const statusTypes: TypeSchemas = {
  Status: {
    typeMeta: true,
    fields: {
      metadata: { type: "ListMeta", pb: 1 },
      status: { type: "string", pb: 2 },
      message: { type: "string", pb: 3 },
      reason: { type: "StatusReason", pb: 4 },
      details: { type: "*StatusDetails", pb: 5 },
      code: { type: "int32", pb: 6 },
    },
  },
  StatusReason: {
    known: [
      "",
      "AlreadyExists",
      "BadRequest",
      "Conflict",
      "Expired",
      "Forbidden",
      "Gone",
      "InternalError",
      "Invalid",
      "MethodNotAllowed",
      "NotAcceptable",
      "NotFound",
      "RequestEntityTooLarge",
      "ServerTimeout",
      "ServiceUnavailable",
      "StorageReadError",
      "Timeout",
      "TooManyRequests",
      "Unauthorized",
      "UnsupportedMediaType",
    ],
  },
  StatusDetails: {
    fields: {
      name: { type: "string", pb: 1 },
      group: { type: "string", pb: 2 },
      kind: { type: "string", pb: 3 },
      uid: { type: "string", pb: 6 },
      causes: { type: "[]StatusCause", pb: 4, listType: "atomic" },
      retryAfterSeconds: { type: "int32", pb: 5 },
    },
  },
  StatusCause: {
    fields: {
      reason: { type: "CauseType", pb: 1 },
      message: { type: "string", pb: 2 },
      field: { type: "string", pb: 3 },
    },
  },
  CauseType: {
    known: [
      "FieldManagerConflict",
      "FieldValueDuplicate",
      "FieldValueForbidden",
      "FieldValueInvalid",
      "FieldValueNotFound",
      "FieldValueNotSupported",
      "FieldValueRequired",
      "FieldValueTooLong",
      "FieldValueTooMany",
      "FieldValueTypeInvalid",
      "InternalError",
      "ResourceVersionTooLarge",
      "UnexpectedServerResponse",
    ],
  },
};
