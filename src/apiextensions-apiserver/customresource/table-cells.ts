import type { CustomResourceDefinitionVersion } from "../../api/apiextensions/v1/types.gen.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import type { TableColumn } from "../../apimachinery/scheme/scheme.ts";
import { stringifyJson } from "../../apimachinery/json/stringify.ts";
import { humanDuration } from "../../apiserver/endpoints/human-duration.ts";
import { JsonPath } from "../jsonpath/json-path.ts";

interface CellColumn {
  readonly column: TableColumn;
  readonly path: JsonPath;
}

const nameColumn: TableColumn = {
  name: "Name",
  type: "string",
  format: "name",
  description: "The name of the object, unique among those of its kind in a namespace.",
  priority: 0,
};

const ageColumn = {
  name: "Age",
  type: "date",
  jsonPath: ".metadata.creationTimestamp",
  description: "When the object was created.",
};

/** The columns of a custom resource: its name, then those its definition has, or its age. */
export class TableCells {
  readonly #columns: readonly CellColumn[];

  constructor(version: CustomResourceDefinitionVersion) {
    const own = version.additionalPrinterColumns ?? [];
    this.#columns = (own.length > 0 ? own : [ageColumn]).map(({ jsonPath, ...column }) => ({
      column: { priority: 0, ...column },
      path: JsonPath.parse(jsonPath),
    }));
  }

  get columns(): readonly TableColumn[] {
    return [nameColumn, ...this.#columns.map(({ column }) => column)];
  }

  of(object: KubeObject, nowMs: number): readonly unknown[] {
    const cells = this.#columns.map(({ column, path }) => {
      // As upstream, of several results the first is shown.
      const [value] = path.find(object);
      return value === undefined ? null : cellOf(column.type, value, nowMs);
    });
    return [object.metadata.name ?? "", ...cells];
  }
}

/** The value as the column's type has it; null when it is no such thing. */
function cellOf(type: string, value: unknown, nowMs: number): unknown {
  switch (type) {
    case "string":
      if (value === null) return "<nil>";
      return typeof value === "string" ? value : stringifyJson(value);
    case "integer":
      if (typeof value === "bigint") return value;
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" || typeof value === "bigint" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date": {
      if (typeof value !== "string") return null;
      const time = Date.parse(value);
      return Number.isNaN(time) ? "<invalid>" : humanDuration(nowMs - time);
    }
    default:
      return null;
  }
}
