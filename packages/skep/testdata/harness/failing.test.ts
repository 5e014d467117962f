import { equal, machine, test } from "skep/test";
import * as program from "./probe.ts";

test("one is not two", () => {
  using m = machine(program);
  equal(1n, 2n);
  m.advance(1n);
});

test("the next machine is not in its way", () => {
  using _ = machine(program);
});
