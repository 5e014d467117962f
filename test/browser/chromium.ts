import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Readable, Writable } from "node:stream";

/** Where the browser is; undefined: it is not in PATH. */
export function findChromium(): string | undefined {
	return (process.env["PATH"] ?? "")
		.split(delimiter)
		.map((folder) => join(folder, "chromium"))
		.find((file) => {
			try {
				accessSync(file, constants.X_OK);
				return true;
			} catch {
				return false;
			}
		});
}

/** No screen, no sandbox (root has none), and nothing of its own over the network: every other name does not resolve. */
const FLAGS = [
	"--headless",
	"--no-sandbox",
	"--disable-gpu",
	"--disable-dev-shm-usage",
	"--disable-quic",
	"--disable-breakpad",
	"--disable-background-networking",
	"--disable-component-update",
	"--disable-extensions",
	"--disable-sync",
	"--no-default-browser-check",
	"--no-first-run",
	"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
	"--remote-debugging-pipe",
];
const PATIENCE = 60_000;

interface Message {
	readonly id?: number;
	readonly method?: string;
	readonly params?: Readonly<Record<string, unknown>>;
	readonly result?: Readonly<Record<string, unknown>>;
	readonly error?: { readonly message: string };
}

/** A headless Chromium with a profile of its own, driven over a pipe. Disposing kills it and removes the profile. */
export class Chromium implements AsyncDisposable {
	readonly #process: ChildProcess;
	readonly #profile = mkdtempSync(join(tmpdir(), "skep-chromium-"));
	readonly #ended: Promise<void>;
	readonly #waiting = new Map<number, { resolve(message: Message): void; reject(error: Error): void }>();
	#said = "";
	#next = 1;
	#failed: Error | undefined;

	constructor(file: string) {
		// A process group of its own: its helpers end with it.
		this.#process = spawn(file, [...FLAGS, `--user-data-dir=${this.#profile}`], {
			detached: true,
			stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
			env: { ...process.env, HOME: this.#profile, XDG_CONFIG_HOME: this.#profile, XDG_CACHE_HOME: this.#profile },
		});
		this.#process.stderr!.setEncoding("utf8").on("data", (text: string) => {
			this.#said = (this.#said + text).slice(-4000);
		});
		this.#ended = new Promise((resolve) => {
			this.#process.on("error", (error) => {
				this.#fail(error);
				resolve();
			});
			this.#process.on("close", (code, signal) => {
				this.#fail(new Error(`chromium ended (${code ?? signal}): ${this.#said}`));
				resolve();
			});
		});
		(this.#process.stdio[3] as Writable).on("error", (error) => this.#fail(error));
		let rest = Buffer.alloc(0);
		(this.#process.stdio[4] as Readable).on("data", (piece: Buffer) => {
			rest = Buffer.concat([rest, piece]);
			for (let end = rest.indexOf(0); end >= 0; end = rest.indexOf(0)) {
				this.#take(JSON.parse(rest.toString("utf8", 0, end)) as Message);
				rest = rest.subarray(end + 1);
			}
		});
	}

	/** Opens a page, waits until the element `id` has text, and gives the document as HTML. */
	async read(url: string, id: string): Promise<string> {
		const { targetId } = await this.#call("Target.createTarget", { url: "about:blank" });
		const { sessionId } = await this.#call("Target.attachToTarget", { targetId, flatten: true });
		const session = sessionId as string;
		// Answers when the new document stands in the place of the empty one.
		const { errorText } = await this.#call("Page.navigate", { url }, session);
		if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
		const expression = `new Promise((resolve) => {
			const look = () => {
				if (document.getElementById(${JSON.stringify(id)})?.textContent) resolve(document.documentElement.outerHTML);
			};
			new MutationObserver(look).observe(document, { childList: true, subtree: true });
			look();
		})`;
		// The page's policy stays in force while this is evaluated.
		const asked = { expression, awaitPromise: true, returnByValue: true, allowUnsafeEvalBlockedByCSP: false };
		const { result } = await this.#call("Runtime.evaluate", asked, session);
		await this.#call("Target.closeTarget", { targetId });
		return (result as { readonly value: string }).value;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		if (this.#process.pid !== undefined) {
			try {
				process.kill(-this.#process.pid, "SIGKILL");
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
			}
		}
		await this.#ended;
		rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
	}

	#call(method: string, params: object, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
		const id = this.#next++;
		return new Promise((resolve, reject) => {
			if (this.#failed) return reject(this.#failed);
			const timer = setTimeout(
				() => this.#fail(new Error(`chromium: ${method} took over a minute: ${this.#said}`)),
				PATIENCE,
			);
			this.#waiting.set(id, {
				resolve: ({ result, error }) => {
					clearTimeout(timer);
					if (error) reject(new Error(`${method}: ${error.message}`));
					else resolve(result ?? {});
				},
				reject: (error) => {
					clearTimeout(timer);
					reject(error);
				},
			});
			(this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
		});
	}

	#take(message: Message): void {
		if (message.id === undefined) return;
		this.#waiting.get(message.id)?.resolve(message);
		this.#waiting.delete(message.id);
	}

	#fail(error: Error): void {
		this.#failed ??= error;
		for (const { reject } of this.#waiting.values()) reject(error);
		this.#waiting.clear();
	}
}
