import { machine, test } from "skep/test";
import * as program from "../../../../examples/exec/exec.ts";

test("never gets here", () => {
  using _ = machine(program);
});
