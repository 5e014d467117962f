/** Saved states at most. */
const MOST = 40;

/**
 * States by where they are, a bounded number of them: those that go when there are too many are such that the gaps grow
 * with the distance from the last one, so what was a while ago is found again by a run that is short against it.
 */
export class Checkpoints<P extends { readonly at: number }> {
	readonly #places: P[] = [];

	get size(): number {
		return this.#places.length;
	}
	places(): number[] {
		return this.#places.map(({ at }) => at);
	}

	/** Adds a state, or does nothing where one is. */
	add(place: P): void {
		const index = this.#after(place.at);
		if (this.#places[index - 1]?.at === place.at) return;
		this.#places.splice(index, 0, place);
		if (this.#places.length > MOST) this.#thin(index);
	}

	/** The last one at or before `at`. */
	before(at: number): P | undefined {
		return this.#places[this.#after(at) - 1];
	}
	/** How many are at or before `at`. */
	#after(at: number): number {
		let low = 0;
		let high = this.#places.length;
		while (low < high) {
			const middle = (low + high) >> 1;
			if (this.#places[middle]!.at <= at) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	/** Takes out the one whose gap would be least against its distance from the newest; the first and the newest stay. */
	#thin(newest: number): void {
		const places = this.#places;
		const here = places[newest]!.at;
		let least = Number.POSITIVE_INFINITY;
		let gone = 1;
		for (let i = 1; i < places.length - 1; i++) {
			if (i === newest) continue;
			const gap = places[i + 1]!.at - places[i - 1]!.at;
			const weight = gap / (Math.abs(here - places[i]!.at) + 1);
			if (weight < least) {
				least = weight;
				gone = i;
			}
		}
		places.splice(gone, 1);
	}
}
