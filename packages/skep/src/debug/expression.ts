import { BpfError } from "@skep/bpf/base";

/** What names in expressions stand for. */
export interface Names {
	/** r0 … r10, pc, ctx, packet … ; undefined: no such name, or it has no value now. */
	value(name: string): bigint | undefined;
	/** Little-endian, unsigned; undefined: nothing is there. */
	load(address: bigint, size: number): bigint | undefined;
}

const TOKEN = /\s*(0x[0-9a-f]+|\d+|[A-Za-z_][A-Za-z_0-9]*|<<|>>|[-+*/%&|^~()[\]])/iy;
const PRECEDENCE: Readonly<Record<string, number>> = {
	"|": 1,
	"^": 2,
	"&": 3,
	"<<": 4,
	">>": 4,
	"+": 5,
	"-": 5,
	"*": 6,
	"/": 6,
	"%": 6,
};
const SIZES: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, u64: 8 };

/**
 * The value of an expression, modulo 2^64: numbers, registers, `ctx`, `packet`, C's arithmetic, `u32[ADDRESS]` for what is
 * in memory, `*ADDRESS` for 64 bits of it. @throws BpfError ERR_EXPRESSION
 */
export function evaluate(text: string, names: Names): bigint {
	const tokens = tokensOf(text);
	let at = 0;
	const wrong = (what: string) => new BpfError("ERR_EXPRESSION", `${text}: ${what}`);
	const expect = (token: string) => {
		if (tokens[at++] !== token)
			throw wrong(`"${token}" expected${tokens[at - 1] ? ` before "${tokens[at - 1]}"` : ""}`);
	};
	const load = (address: bigint, size: number): bigint => {
		const value = names.load(address, size);
		if (value === undefined) throw wrong(`nothing is at 0x${address.toString(16)}`);
		return value;
	};
	const primary = (): bigint => {
		const token = tokens[at++];
		if (token === undefined) throw wrong("a value is missing");
		if (token === "(") {
			const value = binary(0);
			expect(")");
			return value;
		}
		if (token === "-") return BigInt.asUintN(64, -primary());
		if (token === "~") return BigInt.asUintN(64, ~primary());
		if (token === "*") return load(primary(), 8);
		if (/^\d/.test(token)) return BigInt.asUintN(64, BigInt(token));
		const size = SIZES[token];
		if (size !== undefined) {
			expect("[");
			const address = binary(0);
			expect("]");
			return load(address, size);
		}
		const value = names.value(token);
		if (value === undefined) throw wrong(`${token} has no value here`);
		return value;
	};
	const binary = (least: number): bigint => {
		let left = primary();
		for (;;) {
			const operator = tokens[at] ?? "";
			const precedence = PRECEDENCE[operator];
			if (precedence === undefined || precedence <= least) return left;
			at++;
			const right = binary(precedence);
			if ((operator === "/" || operator === "%") && right === 0n) throw wrong("division by zero");
			left = BigInt.asUintN(64, apply(operator, left, right));
		}
	};
	const value = binary(0);
	if (at < tokens.length) throw wrong(`nothing more was expected before "${tokens[at]}"`);
	return value;
}

function apply(operator: string, a: bigint, b: bigint): bigint {
	switch (operator) {
		case "|":
			return a | b;
		case "^":
			return a ^ b;
		case "&":
			return a & b;
		case "<<":
			return a << (b & 63n);
		case ">>":
			return a >> (b & 63n);
		case "+":
			return a + b;
		case "-":
			return a - b;
		case "*":
			return a * b;
		case "/":
			return a / b;
		default:
			return a % b;
	}
}

function tokensOf(text: string): string[] {
	const tokens: string[] = [];
	TOKEN.lastIndex = 0;
	const plain = text.replaceAll("$", " ").trimEnd();
	for (let at = 0; at < plain.length; at = TOKEN.lastIndex) {
		TOKEN.lastIndex = at;
		const found = TOKEN.exec(plain);
		if (!found) throw new BpfError("ERR_EXPRESSION", `${text}: "${plain.slice(at).trim()}" is not understood`);
		tokens.push(found[1]!);
	}
	return tokens;
}
