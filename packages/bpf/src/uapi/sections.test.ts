import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ATTACH_TYPES } from "./attach-types.ts";
import { PROGRAM_TYPES } from "./program-types.ts";
import { SECTION_NAMES, sectionMeaning } from "./sections.ts";

const ASK = String.raw`
#include <bpf/libbpf.h>
#include <stdio.h>
static int quiet(enum libbpf_print_level level, const char *format, va_list args) { return 0; }
int main(void) {
	char name[256];
	enum bpf_prog_type type;
	enum bpf_attach_type attach;
	libbpf_set_print(quiet);
	while (scanf("%255s", name) == 1) {
		if (libbpf_prog_type_by_name(name, &type, &attach)) printf("%s ?\n", name);
		else printf("%s %d %d\n", name, type, attach);
	}
}
`;

/** Names that came after libbpf 1.1, or that mean something else there. */
const AFTER_1_1 =
	/^(uprobe\.multi|uretprobe\.multi|kprobe\.session|uprobe\.session|tc\/|tcx\/|netkit\/|fsession|netfilter|struct_ops|cgroup\/\w+_unix|sk_reuseport\/|usdt\.s|lsm_cgroup|sk_skb\/verdict)/;

test("section names mean what libbpf says", (t) => {
	const folder = mkdtempSync(join(tmpdir(), "skep-sections-"));
	try {
		writeFileSync(join(folder, "ask.c"), ASK);
		const built = spawnSync("gcc", [join(folder, "ask.c"), "-o", join(folder, "ask"), "-lbpf"], { encoding: "utf8" });
		if (built.error || built.status !== 0) return t.skip("needs gcc and libbpf-dev");
		const asked = spawnSync(join(folder, "ask"), { input: SECTION_NAMES.join("\n"), encoding: "utf8" });
		let compared = 0;
		for (const line of asked.stdout.trim().split("\n")) {
			const [name, type, attach] = line.split(" ");
			if (type === "?") {
				assert.match(name!, AFTER_1_1, `libbpf 1.1 does not know ${name}`);
				continue;
			}
			const meaning = sectionMeaning(name!)!;
			compared++;
			assert.equal(PROGRAM_TYPES[meaning.type].value, Number(type), `${name}: program type`);
			if (meaning.attachType !== undefined && !AFTER_1_1.test(name!))
				assert.equal(ATTACH_TYPES[meaning.attachType], Number(attach), `${name}: attach type`);
		}
		assert.ok(compared > 70, `${compared} names compared`);
	} finally {
		rmSync(folder, { recursive: true });
	}
});
