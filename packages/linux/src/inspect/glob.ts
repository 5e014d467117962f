/** Whether a name fits: `*` stands for any characters, `?` for one; else the name itself. */
export function globPattern(pattern: string): (name: string) => boolean {
	if (!isGlob(pattern)) return (name) => name === pattern;
	const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, (character) =>
		character === "*" ? ".*" : character === "?" ? "." : `\\${character}`,
	);
	const expression = new RegExp(`^${source}$`);
	return (name) => expression.test(name);
}

export const isGlob = (pattern: string): boolean => /[*?]/.test(pattern);
