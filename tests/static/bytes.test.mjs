/** Random names, and the canonical form behind a digest. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { canonicalize, digest, randomKey } from "../../static/client/bytes.js";

test("keys are 128 bits and differ", () => {
  const keys = new Set(Array.from({ length: 50 }, randomKey));
  assert.equal(keys.size, 50);
  for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
});

test("the sample of RFC 8785 section 3.2.2", () => {
  const value = JSON.parse(
    '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],' +
      '"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
  );
  assert.equal(
    canonicalize(value),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
      '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test("keys are sorted by UTF-16 code units, as RFC 8785 section 3.2.3 shows", () => {
  const value = JSON.parse(
    '{"\\u20ac":1,"\\r":2,"\\ufb33":3,"1":4,"\\ud83d\\ude00":5,"\\u0080":6,"\\u00f6":7}',
  );
  assert.equal(canonicalize(value), '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
});

/** @type {{name: string, value: any, canonical: string, sha256: string}[]} */
const VECTORS = JSON.parse(readFileSync(new URL("../vectors/digest-values.json", import.meta.url), "utf8"));

for (const { name, value, canonical, sha256 } of VECTORS) {
  test(`the digest of ${name}`, async () => {
    assert.equal(canonicalize(value), canonical);
    assert.equal(await digest(value), sha256);
  });
}
