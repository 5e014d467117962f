/** What a helper of a recorded run gave. */
export interface ReplayResult {
	/** The helper's number. */
	readonly helper: number;
	/** Unsigned. */
	readonly value: bigint;
}

/** What a recorded run found at an address of its process. */
export interface ReplayRead {
	readonly address: bigint;
	/** 0, a text's length with its NUL, -errno. */
	readonly result: number;
	readonly bytes: Uint8Array;
	readonly text: boolean;
}

/** What became of a record: submitted, or there was no room for it. */
export interface ReplayOutcome {
	/** Id of the ring buffer. */
	readonly map: number;
	readonly failed: boolean;
}

/** A record that a replayed run submitted. */
export interface EmittedRecord {
	readonly map: number;
	readonly record: Uint8Array;
}

/** The run that is replayed: what is still to be given out, and what came of it so far. Plain. */
export interface ReplayState {
	/** 16 bytes, NUL-padded. */
	readonly comm: Uint8Array;
	/** Guest address of the current task_struct; 0: the recording has none. */
	readonly taskStruct: number;
	readonly results: ReplayResult[];
	readonly reads: ReplayRead[];
	readonly outcomes: ReplayOutcome[];
	readonly emitted: EmittedRecord[];
	/** Reservations that failed here and did not in the recording. */
	refused: number;
}

/** The next answer of a helper; undefined: the recorded run asked it no more often. */
export function takeResult(state: ReplayState, helper: number): bigint | undefined {
	const at = state.results.findIndex((each) => each.helper === helper);
	return at < 0 ? undefined : state.results.splice(at, 1)[0]!.value;
}

/** What is at an address: the next that the recorded run found there, or what it found there last. */
export function takeRead(state: ReplayState, address: bigint, text: boolean): ReplayRead | undefined {
	const { reads } = state;
	const at = reads.findIndex((each) => each.address === address && each.text === text);
	if (at < 0) return undefined;
	const found = reads[at]!;
	const again = reads.some((each, i) => i > at && each.address === address && each.text === text);
	if (again) reads.splice(at, 1);
	return found;
}

/** Whether the reservation that a run makes now failed when it was recorded. */
export function takeFailure(state: ReplayState, map: number): boolean {
	const at = state.outcomes.findIndex((each) => each.map === map);
	if (at < 0 || !state.outcomes[at]!.failed) return false;
	state.outcomes.splice(at, 1);
	return true;
}

/** A record was submitted. */
export function noteRecord(state: ReplayState, map: number, record: Uint8Array): void {
	const at = state.outcomes.findIndex((each) => each.map === map && !each.failed);
	if (at >= 0) state.outcomes.splice(at, 1);
	state.emitted.push({ map, record });
}
