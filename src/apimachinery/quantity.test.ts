import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { Quantity, type QuantityFormat } from "./quantity.ts";

test("canonical text is upstream's", () => {
  const cases: [string, string, QuantityFormat][] = [
    ["0", "0", "DecimalSI"],
    ["0Ki", "0", "BinarySI"],
    ["-0", "0", "DecimalSI"],
    ["100m", "100m", "DecimalSI"],
    ["0.1", "100m", "DecimalSI"],
    ["1000m", "1", "DecimalSI"],
    ["1500m", "1500m", "DecimalSI"],
    ["1.5", "1500m", "DecimalSI"],
    ["2.5", "2500m", "DecimalSI"],
    ["1000", "1k", "DecimalSI"],
    ["100000", "100k", "DecimalSI"],
    ["1500", "1500", "DecimalSI"],
    ["1.1", "1100m", "DecimalSI"],
    ["12.345G", "12.345G", "DecimalSI"],
    ["12.34G", "12340M", "DecimalSI"],
    ["1024", "1024", "DecimalSI"],
    ["1024Ki", "1Mi", "BinarySI"],
    ["128Mi", "128Mi", "BinarySI"],
    ["1.5Gi", "1536Mi", "BinarySI"],
    ["0.5Mi", "512Ki", "BinarySI"],
    ["0.5Ki", "512", "BinarySI"],
    ["0.05Ki", "51200m", "BinarySI"],
    ["0.0001Ki", "102400u", "DecimalSI"],
    ["1Ki", "1Ki", "BinarySI"],
    ["8Ki", "8Ki", "BinarySI"],
    ["9223372036854775807", "9223372036854775807", "DecimalSI"],
    ["9Ei", "9223372036854775807", "BinarySI"],
    ["-9Ei", "-9223372036854775807", "BinarySI"],
    ["1e3", "1e3", "DecimalExponent"],
    ["1E3", "1E3", "DecimalExponent"],
    ["12e6", "12e6", "DecimalExponent"],
    ["120e5", "12e6", "DecimalExponent"],
    ["1e-1", "100e-3", "DecimalExponent"],
    ["1E", "1E", "DecimalSI"],
    ["0.1n", "1n", "DecimalSI"],
    ["-0.1n", "-1n", "DecimalSI"],
    ["1.0000000001", "1000000001n", "DecimalSI"],
    ["100.035k", "100.035k", "DecimalSI"],
    [".001Ki", "1024m", "BinarySI"],
    ["-.000001Ki", "-1024u", "DecimalSI"],
    [".000000000001Ki", "2n", "DecimalSI"],
    ["+5", "+5", "DecimalSI"],
    ["1.500", "1.500", "DecimalSI"],
    ["1000E", "1000E", "DecimalSI"],
  ];
  for (const [text, canonical, format] of cases) {
    const q = Quantity.parse(text);
    assert.deepEqual([q.toString(), q.format], [canonical, format], text);
    assert.equal(Quantity.parse(canonical).compare(q), 0, text);
  }
});

test("bad text is told apart", () => {
  const format = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  const suffix = "unable to parse quantity's suffix";
  const cases: [string, string][] = [
    ["", format],
    ["1.1.M", format],
    ["1+1.0M", format],
    ["0.1am", format],
    ["aoeu", format],
    ["0.1mi", suffix],
    ["1i", suffix],
    ["-3.01e-", suffix],
    ["1e99999999999", suffix],
    ["1 Gi", format],
    ["9".repeat(100_000), format],
  ];
  for (const [text, message] of cases)
    assert.throws(() => Quantity.parse(text), { name: "QuantityError", message }, text);
  assert.equal(Quantity.isValid("1x"), false);
});

test("values round away from zero", () => {
  assert.equal(Quantity.parse("1100m").value(), 2n);
  assert.equal(Quantity.parse("-1100m").value(), -2n);
  assert.equal(Quantity.parse("0.1u").milliValue(), 1n);
  assert.equal(Quantity.parse("2").milliValue(), 2000n);
  assert.equal(Quantity.parse("1Gi").toNumber(), 1073741824);
  assert.equal(Quantity.parse("250m").toMilliNumber(), 250);
  assert.equal(Quantity.parse("250m").toApproximateNumber(), 0.25);
  assert.equal(Quantity.parse("1234567n").roundUp(-3).toString(), "2m");
});

test("sums take the format of the first that is not zero", () => {
  const add = (a: string, b: string) => Quantity.parse(a).add(Quantity.parse(b)).toString();
  assert.equal(add("100m", "900m"), "1");
  assert.equal(add("0", "1Gi"), "1Gi");
  assert.equal(add("1Gi", "1Gi"), "2Gi");
  assert.equal(add("1Gi", "1"), "1073741825");
  assert.equal(Quantity.parse("1Gi").sub(Quantity.parse("1Mi")).toString(), "1023Mi");
  assert.equal(JSON.stringify({ cpu: Quantity.ofMilli(1500) }), '{"cpu":"1500m"}');
});

const quantities = fc
  .tuple(
    fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }),
    fc.constantFrom("", "m", "u", "n", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "e-3"),
  )
  .map(([n, suffix]) => `${n}${suffix}`);

test("canonical text means the same amount and is stable", () => {
  fc.assert(
    fc.property(quantities, (text) => {
      const q = Quantity.parse(text);
      const again = Quantity.parse(q.add(Quantity.zero).toString());
      assert.equal(again.toString(), q.add(Quantity.zero).toString());
      assert.ok(again.equals(q) || text.endsWith("i"));
    }),
  );
});

test("addition is exact and comparison a total order", () => {
  fc.assert(
    fc.property(quantities, quantities, (x, y) => {
      const [a, b] = [Quantity.parse(x), Quantity.parse(y)];
      assert.ok(a.add(b).sub(b).equals(a));
      assert.ok(a.add(b).equals(b.add(a)));
      assert.equal(Math.sign(a.compare(b)), a.sub(b).sign);
      assert.equal(a.compare(b), -b.compare(a) + 0);
    }),
  );
});
