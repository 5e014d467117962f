// Modules of this checkout without their types, as `test.ts` left them: to strip them under emulation takes minutes.
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";

const root = new URL("../..", import.meta.url).href;
const made = "file:///mnt/out/js/";

registerHooks({
	load(url, context, next) {
		if (!url.startsWith(root) || !url.endsWith(".ts")) return next(url, context);
		try {
			return { format: "module", source: readFileSync(new URL(url.slice(root.length), made)), shortCircuit: true };
		} catch (error) {
			// What a test has made.
			if (error.code === "ENOENT") return next(url, context);
			throw error;
		}
	},
});
