/**
 * What `skep test` preloads into each test process: `import … from "skep"` and `"skep/test"` give this package, and
 * modules of the user are loaded with the bodies of kernel-only functions blanked and types stripped.
 */
import { blankKernelHalf } from "@skep/compiler";
import { installHook } from "#run";

installHook(undefined, blankKernelHalf);
