import { resolve } from "node:path";
import { BPFFS, MOUNT_OPTIONS, mountBpffs } from "@skep/bpf/live";
import { done, type Task } from "./desk.ts";

/** `mount [PATH] [OPTION VALUE …]`. */
export const mount: Task = (words, desk) => {
	const isOption = (word: string | undefined) => word !== undefined && word in MOUNT_OPTIONS;
	const path = words.empty || isOption(words.peek) ? BPFFS : resolve(words.next("the folder"));
	const options: Record<string, string> = {};
	while (!words.empty) {
		const name = words.oneOf(Object.keys(MOUNT_OPTIONS), "option of a bpffs");
		if (name in options) throw words.wrong(`${name} is said twice`);
		const value = words.next(`the value of ${name}`);
		if (/[,=]/.test(value))
			throw words.wrong(`${name}: "${value}" has a comma or an equals sign, which separate options`);
		options[name] = value;
	}
	mountBpffs(desk.kernel, path, options);
	if (Object.keys(options).some((name) => name.startsWith("delegate_")))
		desk.note("note: tokens are made in user namespaces only, of a bpffs that belongs to one");
	return done(desk);
};
