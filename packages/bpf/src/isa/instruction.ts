/** One instruction as a plain value (RFC 9669 section 3). `wide` instructions (64-bit immediate) fill two 8-byte slots. */
export interface Instruction {
	/** The opcode byte: class, source and operation or mode and size. */
	readonly opcode: number;
	/** 0..10 */
	readonly dst: number;
	/** 0..15: a register, or a pseudo value for wide loads and calls. */
	readonly src: number;
	/** Signed 16 bit. */
	readonly offset: number;
	/** Signed 32 bit; for a wide instruction the low half. */
	readonly imm: number;
	/** High half of a wide instruction's immediate, signed 32 bit; absent elsewhere. */
	readonly immHigh?: number;
}
