/** A wait that can be cut short. */
export class Pause {
	ended = false;
	#wake: (() => void) | undefined;

	async wait(milliseconds: number): Promise<void> {
		if (this.ended) return;
		await new Promise<void>((resolve) => {
			const timer = setTimeout(resolve, milliseconds);
			this.#wake = () => {
				clearTimeout(timer);
				resolve();
			};
		});
		this.#wake = undefined;
	}

	end(): void {
		this.ended = true;
		this.#wake?.();
	}
}
