import { realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Link } from "@skep/bpf/live";
import type { ManifestHandle } from "@skep/bpf/spec";
import { BindError, type LinkBinding, type Site } from "#program";
import { display } from "./files.ts";
import type { Source } from "./source.ts";

/**
 * The compiled twin of a constructor's call: the handle of the manifest that stands at the same place of the same module.
 * @throws BindError where there is none, or one of another kind; the message names both
 */
export function findHandle(source: Source, site: Site, kind: ManifestHandle["kind"], word: string): ManifestHandle {
	const manifest = source.manifest;
	const path = site.url.startsWith("file:") ? fileURLToPath(site.url) : site.url;
	const place = `${display(path)}:${site.line}:${site.column}`;
	const called = `${word}() at ${place}`;
	if (manifest === undefined)
		throw new BindError(site, `${called} has no compiled twin: ${source.name} carries no manifest`);
	const folder = dirname(source.path);
	const module = manifest.modules.findIndex((m) => real(resolve(folder, m)) === path);
	if (module < 0) {
		throw new BindError(
			site,
			`${called} has no compiled twin: its module is not one of those compiled with ${source.name} (${manifest.modules.join(", ")})`,
		);
	}
	const here = manifest.handles.filter((h) => h.module === module);
	const twin = here.find((h) => h.line === site.line && h.column === site.column);
	if (twin === undefined) {
		const near = here.find((h) => h.line === site.line && h.word === word) ?? here.find((h) => h.word === word);
		const compiled =
			near === undefined ? "" : `; the compiler saw ${near.word}() "${near.name}" at ${near.line}:${near.column}`;
		throw new BindError(
			site,
			`${called} has no compiled twin${compiled}. A tool that moves code stands between source and Node`,
		);
	}
	if (twin.kind !== kind || twin.word !== word) {
		throw new BindError(
			site,
			`${called} was compiled as ${twin.word}() "${twin.name}": the source changed after it was compiled`,
		);
	}
	return twin;
}

/** As Node names modules: without symbolic links. */
function real(path: string): string {
	try {
		return realpathSync(path);
	} catch {
		return path;
	}
}

/** A link as handles show it. */
export function linkBinding(link: Link): LinkBinding {
	return {
		get id() {
			return link.info()?.id ?? 0;
		},
		target: link.target,
		detach: () => link.close(),
		pin: (path) => link.pin(path),
	};
}
